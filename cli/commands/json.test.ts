/** docs/json.md names every key that a command prints with `--json`, and no other. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { FREE_PORTS, type Narun, narun, startNarun } from "../testing/narun.ts";
import { createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

const page = readFileSync(new URL("../../docs/json.md", import.meta.url), "utf8");

interface Key {
  path: string;
  isAlways: boolean;
}

/** The keys of a section's table. A row that leads to another section stands for that section's keys. */
function keysOf(section: string): Key[] {
  const text = page.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? "";
  const rows = text.split("\n").filter((line) => line.startsWith("| `"));
  expect(rows, section).not.toEqual([]);
  return rows.flatMap((row) => {
    const [, names = "", there = "", what = ""] = row.split("|").map((cell) => cell.trim());
    const paths = [...names.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path);
    const isAlways = there === "always";
    const other = /^\[\w+\]\(#(\w+)\)$/.exec(what)?.[1];
    if (other === undefined) return paths.map((path) => ({ path, isAlways }));
    return paths.flatMap((path) =>
      keysOf(other).map((key) => ({ path: `${path}.${key.path}`, isAlways: isAlways && key.isAlways })),
    );
  });
}

/** The paths to all values except objects and arrays. */
function pathsOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => pathsOf(one, path === "" ? "" : `${path}[]`));
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, one]) => pathsOf(one, path === "" ? key : `${path}.${key}`));
}

function expectDocumented(section: string, printed: unknown): void {
  const keys = keysOf(section);
  const isNamed = (path: string) => keys.some((key) => patternOf(key.path).test(path));
  const paths = [...new Set(pathsOf(printed))];
  expect(
    paths.filter((path) => !isNamed(path)),
    `${section}: not on the page`,
  ).toEqual([]);
  const isPrinted = (key: Key) => paths.some((path) => patternOf(key.path).test(path));
  const missing = keys.filter((key) => key.isAlways && !isPrinted(key)).map(({ path }) => path);
  expect(missing, `${section}: on the page, not printed`).toEqual([]);
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${RegExp.escape(path).replace("\\.\\*", "\\.[^.[]+")}$`);
}

const HELLO = `export default {
  fetch(request: Request) { console.log(request.url); return new Response("hi"); },
  scheduled() {},
};
`;
const LIBRARY = `import { service } from "narun";
export default service({ name: "library", version: "1.0.0", errors: { Lost: { status: 404 } } })
  .action("find", { readOnly: true, errors: ["Lost"] }, () => ({ title: "Emma" }))
  .on("books.>", { durable: true }, () => undefined);
`;
const files = {
  "functions/broken/index.ts": "export default () => new Response(;\n",
  "functions/hello/index.ts": HELLO,
  "functions/hello/narun.yaml":
    "routes: [{ path: /same }]\nbindings: [{ name: OTHER, service: absent }]\nscale: { idleSeconds: 600 }\n",
  "functions/odd/index.ts":
    "export const GET = () => new Response(new Uint8Array([255]), { headers: { a: 'b' } });\nexport const POST = () => { throw new Error('odd'); };\n",
  "functions/two/index.ts": "export default () => new Response('two');\n",
  "functions/two/narun.yaml": "routes: [{ path: /same }]\n",
};

let folder: WorkFolder;
let up: Narun;
let addresses: { nats: string };

beforeAll(async () => {
  folder = await createWorkFolder(files);
  up = startNarun(["up", "functions", "--json", ...FREE_PORTS], { cwd: folder.dir, limitMs: 300_000 });
  const [line] = await up.shows(/^\{"http".*\}$/m);
  addresses = JSON.parse(line);
});
afterAll(async () => {
  await up[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const run = (command: string, input = "") =>
  narun([...command.split(" "), "--json"], {
    cwd: folder.dir,
    input,
    env: { NARUN_NATS_URL: addresses.nats },
    limitMs: 120_000,
  });

/** The output of a command, one value a line. */
async function json(command: string, input = ""): Promise<unknown> {
  const { stdout } = await run(command, input);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("up", () => expectDocumented("up", addresses));

describe("errors", () => {
  test("of a command", async () => expectDocumented("errors", JSON.parse((await run("ls --bogus")).stderr)));
  test("of one of several folders", async () => {
    const { stderr } = await run("build functions");
    expect(JSON.parse(stderr)).toHaveProperty("folder");
    expectDocumented("errors", JSON.parse(stderr));
  });
});

test.each([
  ["build", "build functions/hello"],
  ["push", "push functions/hello"],
  ["types", "types functions/hello"],
  ["init", "init functions/fresh"],
  ["revisions", "revisions hello"],
  ["doctor", "doctor"],
  ["config", "config up"],
  ["invoke", "invoke hello"],
  ["invoke", "invoke odd"],
  ["invoke", "invoke odd -X POST"],
  ["ps", "ps"],
  ["nodes", "nodes"],
  ["ls", "ls"],
])("%s: narun %s", async (section, command) => expectDocumented(section, await json(command)));

test("logs", async () => {
  await json("invoke hello");
  await eventually(async () => expect((await run("logs hello")).stdout).toContain("http://"));
  expectDocumented("logs", await json("logs hello --status"));
});

test("secret", async () => {
  expectDocumented("secret set", await json("secret set key", "value"));
  expectDocumented("secret ls", await json("secret ls"));
  expectDocumented("secret rm", await json("secret rm key"));
  expectDocumented("secret rotate-key", await json("secret rotate-key"));
});

test("files", async () => {
  expectDocumented("files add", await json("files add functions/two/narun.yaml"));
  expectDocumented("files ls", await json("files ls"));
  expectDocumented("files rm", await json("files rm narun.yaml"));
});

test("deploy", async () => {
  await folder.write("hello.sh", "#!/bin/sh\n");
  expectDocumented("deploy", await json("deploy -name sh -tag v1 -node nowhere hello.sh"));
  await json("rm sh");
});

test("rollback and rm", async () => {
  await folder.write("functions/two/index.ts", "export default () => new Response('2');\n");
  expectDocumented("push", [await json("push functions/two"), await json("push functions/hello")]);
  expectDocumented("rollback", await json("rollback two"));
  expectDocumented("rm", await json("rm two"));
});

test("services", async () => {
  await folder.write("functions/library/index.ts", LIBRARY);
  await using watch = startNarun(["services", "watch", "--json"], {
    cwd: folder.dir,
    env: { NARUN_NATS_URL: addresses.nats },
    limitMs: 120_000,
  });
  await json("push functions/library");
  expectDocumented("services ls", await json("services ls"));
  expectDocumented("services info", await json("services info library"));
  expectDocumented("services pause", await json("services pause library"));
  expectDocumented("services graph", await json("services graph"));
  const [line] = await watch.shows(/^\{"event":"changed".*\}$/m);
  expectDocumented("services watch", JSON.parse(line));
  await json("rm library");
});

test("mcp", async () => {
  expectDocumented("mcp add", await json("mcp add reader --allow library.find --expires 1h"));
  expectDocumented("mcp ls", await json("mcp ls"));
  expectDocumented("mcp rm", await json("mcp rm reader"));
});

test("gateway and node", async () => {
  const options = { cwd: folder.dir, env: { NARUN_NATS_URL: addresses.nats }, limitMs: 120_000 };
  await using gateway = startNarun(
    ["gateway", "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--json"],
    options,
  );
  await using node = startNarun(["node", "--name", "other", "--label", "zone=a", "--json"], options);
  const [first] = await gateway.shows(/^\{"http".*\}$/m);
  expectDocumented("gateway", JSON.parse(first));
  const [second] = await node.shows(/^\{"node".*\}$/m);
  expectDocumented("node", JSON.parse(second));
  const nodes = await json("nodes");
  expect(nodes).toEqual([expect.arrayContaining([expect.objectContaining({ labels: { zone: "a" } })])]);
  expectDocumented("nodes", nodes);
});

test("dev", async () => {
  await using other = await createWorkFolder(files);
  await using dev = startNarun(["dev", "functions", "--json", ...FREE_PORTS], {
    cwd: other.dir,
    limitMs: 120_000,
  });
  await eventually(() => expect(dev.stdout.trim().split("\n")).toHaveLength(5), { timeoutMs: 60_000 });
  // The second push of two functions with the same route reports it.
  await other.write("functions/hello/index.ts", HELLO.replace("hi", "ho"));
  await eventually(() => expect(dev.stdout.trim().split("\n")).toHaveLength(6), { timeoutMs: 60_000 });
  const [first, ...lines] = dev.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expectDocumented("dev", first);
  expectDocumented(
    "dev: a failure",
    lines.filter((line) => "error" in line),
  );
  expectDocumented(
    "dev: a push",
    lines.filter((line) => !("error" in line)),
  );
});

test("every section is of a command", async () => {
  const { stdout } = await narun(["--help"]);
  const sections = [...page.matchAll(/^## (\w+)/gm)].map(([, name = ""]) => name);
  const commands = [...stdout.matchAll(/^ {2}([a-z]+)(?: |$)/gm)].map(([, name = ""]) => name);
  expect([...new Set(sections)].toSorted()).toEqual(
    [...new Set(["errors", "warnings", ...commands])].filter((name) => name !== "help").toSorted(),
  );
});
