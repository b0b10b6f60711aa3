import { ROLES, type Role } from "../../contracts/index.ts";
import { type AccountKeys, endFormer, rotateRole } from "../../nats/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { operateNetwork } from "../network/operate.ts";
import { changeTenant } from "../network/tenants.ts";
import { resolveNats } from "../options/nats-access.ts";
import { asText, value } from "../options/option.ts";
import { dataDir } from "../options/storage.ts";
import { oneOf, parseDuration, wrongUse } from "../options/values.ts";

const grace = value({
  flag: "--grace <duration>",
  help: "how long logins of the former key are good; 0s: they end at once",
  fallback: "1h",
  parse: parseDuration,
});
const ofTenant = value({
  flag: "--of <tenant>",
  help: "the key of a tenant",
  fallbackHelp: "the network's own",
  parse: asText,
});

const options = { grace, ofTenant, dataDir };
const ACTIONS = ["rotate", "end"] as const;

type Context = CommandContext<typeof options>;

export const networkCommand = defineCommand({
  usage: "network <action> [role]",
  says: "rotate: a new key for the logins of a role; end: its former keys end now",
  options,
  examples: [
    ["narun network rotate host", "gateways, nodes and hosts change over by themselves"],
    ["narun network end host", "before the grace is over"],
    ["narun network rotate author --grace 7d", "people get new logins meanwhile: `narun token renew FILE`"],
  ],
  async run({ action, role }, context) {
    const wanted = oneOf(ACTIONS)({ text: action, source: { kind: "flag", name: "narun network" } });
    if (role === undefined) throw wrongUse(`narun network ${wanted} needs a role: ${ROLES.join(", ")}`);
    const known = oneOf(ROLES)({ text: role, source: { kind: "flag", name: "the role" } });
    return wanted === "rotate" ? rotate(context, known) : end(context, known);
  },
});

async function rotate(context: Context, role: Role): Promise<void> {
  const { output } = context;
  const { grace: graceMs } = context.options;
  const now = Date.now();
  await change(context, (keys) => rotateRole(keys, role, graceMs, now));
  const formerUntil = new Date(now + graceMs).toISOString();
  if (output.isJson) return output.json({ role, formerUntil });
  output.line(`${output.colours.bold(role)}  has a new key; logins of the former one end ${formerUntil}`);
  output.note("Nodes change over by themselves. Logins in files elsewhere: `narun token renew FILE`.");
}

async function end(context: Context, role: Role): Promise<void> {
  const { output } = context;
  await change(context, (keys) => endFormer(keys, role));
  if (output.isJson) return output.json({ role, ended: true });
  output.line(`${output.colours.bold(role)}  logins of former keys are refused`);
}

/** Changes the keys of the network, or of a tenant. */
async function change(
  { options, settings }: Context,
  work: <Keys extends AccountKeys>(keys: Keys) => Keys,
): Promise<void> {
  await using operator = await operateNetwork(options.dataDir, resolveNats(settings).url);
  if (options.ofTenant !== undefined) await changeTenant(operator, options.ofTenant, work);
  else await operator.change((state) => ({ ...state, keys: work(state.keys) }));
}
