import { addToolKey, listToolKeys, removeToolKey } from "../../control/index.ts";
import type { Nats } from "../../nats/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { asText, value } from "../options/option.ts";
import { oneOf, parseLife, wrongUse } from "../options/values.ts";
import { formatAge } from "../output/format-time.ts";

const ACTIONS = ["add", "ls", "rm"] as const;

const mcpOptions = {
  allow: value({
    flag: "--allow <scopes>",
    help: "add: services (`orders`), actions (`orders.pay`) or `*`, with commas between",
    parse: asText,
  }),
  expires: value({
    flag: "--expires <duration>",
    help: "add: how long the key is valid",
    fallbackHelp: "until it is removed",
    parse: parseLife,
  }),
};

type Context = CommandContext<typeof mcpOptions>;

export const mcpCommand = defineCommand({
  usage: "mcp <action> [name]",
  says: "add, ls or rm the keys of MCP clients",
  options: mcpOptions,
  examples: [
    [
      "narun mcp add assistant --allow orders.get,stock",
      "one action, and all tools of a service; shown once",
    ],
    ["narun mcp ls", "names and scopes, never keys"],
    ["narun mcp rm assistant", "its next request is refused"],
  ],
  async run({ action, name }, context) {
    const chosen = oneOf(ACTIONS)({ text: action, source: { kind: "flag", name: "narun mcp" } });
    const { allow, expires } = context.options;
    if (chosen !== "add" && (allow ?? expires) !== undefined)
      throw wrongUse("--allow and --expires go with add");
    if (chosen === "ls") return list(context);
    if (name === undefined) throw wrongUse(`narun mcp ${chosen} needs the name of a key`);
    const nats = await context.connect();
    return chosen === "add" ? add(nats, context, name) : remove(nats, context, name);
  },
});

async function add(nats: Nats, { options, output }: Context, name: string): Promise<void> {
  if (options.allow === undefined) throw wrongUse("narun mcp add needs --allow: what the key may call");
  const allow = options.allow.split(",").map((scope) => scope.trim());
  const added = await addToolKey(nats, { name, allow, validMs: options.expires });
  if (output.isJson) return output.json(added);
  output.line(added.key);
  output.note(`${name} may call ${added.allow.join(", ")}. The key is not stored, and not shown again.`);
}

async function list({ output, connect }: Context): Promise<void> {
  const keys = await listToolKeys(await connect());
  if (output.isJson) return output.json(keys);
  if (keys.length === 0) return output.note("No keys. `narun mcp add NAME --allow SERVICE` makes one.");
  output.table(
    [
      { title: "KEY", value: (row) => row.name, colour: output.colours.bold },
      { title: "ALLOW", value: (row) => row.allow.join(",") },
      { title: "AGE", value: (row) => formatAge(row.createdAt) },
      { title: "EXPIRES", value: (row) => row.expiresAt ?? "-" },
    ],
    keys,
  );
}

async function remove(nats: Nats, { output }: Context, name: string): Promise<void> {
  await removeToolKey(nats, name);
  if (output.isJson) output.json({ name });
  else output.line(`removed  ${name}`);
}
