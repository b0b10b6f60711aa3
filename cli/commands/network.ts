import { ROLES } from "../../contracts/index.ts";
import { rotateRole } from "../../nats/index.ts";
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
type Context = CommandContext<typeof options>;

export const networkCommand = defineCommand({
  usage: "network <action> [role]",
  says: "rotate: a new key for the logins of a role",
  options,
  examples: [
    ["narun network rotate host", "gateways, nodes and hosts change over by themselves"],
    ["narun network rotate author --grace 7d", "people get new logins meanwhile: `narun token renew FILE`"],
  ],
  async run({ action, role }, context) {
    if (action !== "rotate") throw wrongUse(`narun network has the action rotate, not ${action}`);
    if (role === undefined) throw wrongUse(`narun network rotate needs a role: ${ROLES.join(", ")}`);
    await rotate(context, oneOf(ROLES)({ text: role, source: { kind: "flag", name: "the role" } }));
  },
});

async function rotate({ options, settings, output }: Context, role: (typeof ROLES)[number]): Promise<void> {
  await using operator = await operateNetwork(options.dataDir, resolveNats(settings).url);
  const { grace: graceMs, ofTenant: tenant } = options;
  const now = Date.now();
  if (tenant === undefined)
    await operator.change((state) => ({ ...state, keys: rotateRole(state.keys, role, graceMs, now) }));
  else await changeTenant(operator, tenant, (keys) => rotateRole(keys, role, graceMs, now));
  const formerUntil = new Date(now + graceMs).toISOString();
  if (output.isJson) return output.json({ role, formerUntil });
  output.line(`${output.colours.bold(role)}  has a new key; logins of the former one end ${formerUntil}`);
  output.note("Nodes change over by themselves. Logins in files elsewhere: `narun token renew FILE`.");
}
