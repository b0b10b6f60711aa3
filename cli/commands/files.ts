import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { formatBytes } from "../../builder/index.ts";
import { messageOf } from "../../contracts/index.ts";
import { addFile, listFiles, removeFile } from "../../control/index.ts";
import type { Nats } from "../../nats/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { oneOf, wrongUse } from "../options/values.ts";
import { formatAge } from "../output/format-time.ts";
import type { Output } from "../output/output.ts";

/** `list` and `delete` are the original toolkit's words. */
const ACTIONS = ["add", "ls", "rm", "list", "delete"] as const;

export const filesCommand = defineCommand({
  usage: "files <action> [name] [file]",
  says: "add, ls or rm the files that programs mount",
  options: {},
  examples: [
    ["narun files add app.conf ./app.prod.conf", "the name of `mounts`, then the file; - is standard input"],
    ["narun files add ./app.conf", "under its own name"],
  ],
  async run({ action, name, file }, { output, connect }) {
    const chosen = oneOf(ACTIONS)({ text: action, source: { kind: "flag", name: "narun files" } });
    if (chosen === "ls" || chosen === "list") return list(await connect(), output);
    if (name === undefined) throw wrongUse(`narun files ${action} needs a name`);
    if (chosen === "add") return add(connect, output, name, file);
    if (file !== undefined) throw wrongUse(`narun files ${action} takes one name`);
    await removeFile(await connect(), name);
    if (output.isJson) return output.json({ name, removed: true });
    output.line(`${output.colours.bold(name)}  removed`);
  },
});

async function add(
  connect: () => Promise<Nats>,
  output: Output,
  first: string,
  second: string | undefined,
): Promise<void> {
  const path = second ?? first;
  const name = second === undefined ? basename(first) : first;
  if (path !== "-") await requireFile(path);
  const body = path === "-" ? process.stdin : createReadStream(path);
  const originalName = path === "-" ? name : basename(path);
  const result = await addFile(await connect(), { name, originalName, body });
  if (output.isJson) return output.json(result);
  output.line(
    `${output.colours.bold(name)}  ${result.created ? "added" : "changed"}  ${formatBytes(result.size)}`,
  );
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw wrongUse(messageOf(error));
  });
  if (!found.isFile()) throw wrongUse(`${path} is no file`);
}

async function list(nats: Nats, output: Output): Promise<void> {
  const rows = await listFiles(nats);
  if (output.isJson) return output.json(rows);
  if (rows.length === 0) return output.note("No files yet. `narun files add FILE` stores one.");
  output.table(
    [
      { title: "FILE", value: (row) => row.name, colour: output.colours.bold },
      { title: "SIZE", value: (row) => formatBytes(row.size), align: "right" },
      { title: "CHANGED", value: (row) => `${formatAge(row.updatedAt)} ago`, align: "right" },
      { title: "CAME FROM", value: (row) => row.originalName ?? "-" },
      { title: "SHA-256", value: (row) => row.sha256.slice(0, 12), isExtra: true },
    ],
    rows,
  );
}
