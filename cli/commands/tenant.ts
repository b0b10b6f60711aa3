import { writeFileSync } from "node:fs";
import { NAME_PATTERN } from "../../contracts/index.ts";
import { errnoOf } from "../../machine/index.ts";
import { publicOf } from "../../nats/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { operateNetwork } from "../network/operate.ts";
import type { TenantFacts } from "../network/tenant-folder.ts";
import { addTenant, exportTenant, removeTenant } from "../network/tenants.ts";
import { resolveNats } from "../options/nats-access.ts";
import { asText, type GivenText, value } from "../options/option.ts";
import { dataDir } from "../options/storage.ts";
import { oneOf, wrongUse, wrongValue } from "../options/values.ts";

const maxConnections = value({
  flag: "--max-connections <count>",
  help: "add: clients of the tenant at a time, over all servers",
  fallbackHelp: "any number",
  parse: parseCount,
});
const maxStorageMb = value({
  flag: "--max-storage-mb <size>",
  help: "add: everything that the tenant stores, every copy counted, MB",
  fallbackHelp: "any size",
  parse: parseCount,
});
const out = value({
  flag: "--out <file>",
  help: "add, export: the file for the tenant's `narun up --tenant`",
  fallbackHelp: "NAME.tenant in the working folder",
  parse: asText,
});

const options = { maxConnections, maxStorageMb, out, dataDir };
const ACTIONS = ["add", "ls", "rm", "export"] as const;

type Context = CommandContext<typeof options>;

export const tenantCommand = defineCommand({
  usage: "tenant <action> [name]",
  says: "add, ls, rm the tenants of a network, or export the file of one",
  options,
  examples: [
    [
      "narun tenant add acme --max-storage-mb 2000",
      "writes acme.tenant, for `narun up --tenant acme.tenant`",
    ],
    ["narun tenant ls", "names, accounts, bounds"],
    ["narun tenant rm acme", "with everything that it has stored"],
  ],
  async run({ action, name }, context) {
    const wanted = oneOf(ACTIONS)({ text: action, source: { kind: "flag", name: "narun tenant" } });
    if (wanted === "ls") return list(context);
    if (name === undefined) throw wrongUse(`narun tenant ${wanted} needs a name`);
    if (!NAME_PATTERN.test(name))
      throw wrongUse("a name has 1 to 63 characters out of A-Z, a-z, 0-9, _ and -");
    if (wanted === "rm") return remove(context, name);
    await using operator = await operatorOf(context);
    const { maxConnections: connections, maxStorageMb: megabytes } = context.options;
    const limits = {
      ...(connections !== undefined && { connections }),
      ...(megabytes !== undefined && { storageBytes: megabytes * 1024 * 1024 }),
    };
    const facts =
      wanted === "add" ? await addTenant(operator, name, limits) : await exportTenant(operator, name);
    tell(context, facts, writeTenant(context, facts));
  },
});

const operatorOf = ({ options, settings }: Context) =>
  operateNetwork(options.dataDir, resolveNats(settings).url);

/** The file has the keys of the tenant. Error: USAGE, where there is one of the name. */
function writeTenant({ options }: Context, facts: TenantFacts): string {
  const file = options.out ?? `${facts.name}.tenant`;
  try {
    writeFileSync(file, `${JSON.stringify(facts)}\n`, { mode: 0o600, flag: "wx" });
    return file;
  } catch (error) {
    const reason = errnoOf(error) === "EEXIST" ? "is there already" : "cannot be written";
    throw wrongUse(`${file} ${reason}: \`narun tenant export ${facts.name} --out FILE\` writes another`);
  }
}

function tell({ output }: Context, { name, keys }: TenantFacts, file: string): void {
  if (output.isJson) {
    output.json({ name, account: publicOf(keys.account), file });
    return;
  }
  output.line(`${output.colours.bold(name)}  ${file}`);
  output.note(`It has the tenant's keys. Where the tenant runs: narun up --tenant ${file} --data-dir DIR`);
}

async function list(context: Context): Promise<void> {
  await using operator = await operatorOf(context);
  const { output } = context;
  const { tenants } = await operator.state();
  const rows = Object.entries(tenants).map(([name, { account, limits }]) => ({
    ...{ name, account: publicOf(account) },
    maxConnections: limits.connections ?? null,
    maxStorageMb: limits.storageBytes === undefined ? null : limits.storageBytes / 1024 / 1024,
  }));
  if (output.isJson) return output.json(rows);
  if (rows.length === 0) return output.note("No tenants yet. `narun tenant add NAME` makes one.");
  output.table(
    [
      { title: "NAME", value: (row) => row.name, colour: output.colours.bold },
      { title: "CONNECTIONS", value: (row) => String(row.maxConnections ?? "any"), align: "right" },
      { title: "STORAGE MB", value: (row) => String(row.maxStorageMb ?? "any"), align: "right" },
      { title: "ACCOUNT", value: (row) => row.account },
    ],
    rows,
  );
}

async function remove(context: Context, name: string): Promise<void> {
  await using operator = await operatorOf(context);
  await removeTenant(operator, name);
  if (context.output.isJson) return context.output.json({ name, removed: true });
  context.output.line(`${context.output.colours.bold(name)}  removed, with everything that it had stored`);
}

function parseCount(given: GivenText): number {
  const count = /^\d{1,9}$/.test(given.text) ? Number(given.text) : 0;
  if (count < 1) throw wrongValue(given, "a whole number from 1");
  return count;
}
