import { readFileSync } from "node:fs";
import { NarunError } from "../../contracts/index.ts";
import { writeWholeSync } from "../../machine/index.ts";
import {
  claimsIn,
  createJoinToken,
  createLogin,
  isUserKey,
  revokeUser,
  roleKey,
  roleOfLogin,
} from "../../nats/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { fingerprintOfNetwork } from "../network/network-facts.ts";
import { operateNetwork, requireNetwork } from "../network/operate.ts";
import { resolveNats } from "../options/nats-access.ts";
import { value } from "../options/option.ts";
import { dataDir } from "../options/storage.ts";
import { oneOf, parseLife, wrongUse } from "../options/values.ts";

const ROLES = ["node", "gateway", "author", "cli"] as const;

const role = value({
  flag: "--role <role>",
  help: "node: one node may join; gateway, author, cli: a credentials file for other machines",
  fallback: "node",
  parse: oneOf(ROLES),
});
const ttl = value({
  flag: "--ttl <duration>",
  help: "how long it is good",
  fallbackHelp: "1h for a node, 90d else",
  parse: parseLife,
});

const NODE_MS = 3_600_000;
const LOGIN_MS = 90 * 24 * 3_600_000;

const options = { role, ttl, dataDir };
type Context = CommandContext<typeof options>;
const ACTIONS = ["create", "renew", "revoke"] as const;

export const tokenCommand = defineCommand({
  usage: "token <action> [login]",
  says: "create: let a node join this network, or make a login; renew, revoke a login",
  options,
  examples: [
    ["narun token create", "the text before the @ of `narun up --join`"],
    ["narun token create --role author > author.creds", "for people who push functions"],
    ["narun token renew author.creds", "the same user, for another 90 days, of the present key"],
    ["narun token revoke author.creds", "or the user's public key (U…): not let in from now on"],
  ],
  async run({ action, login }, context) {
    const wanted = oneOf(ACTIONS)({ text: action, source: { kind: "flag", name: "narun token" } });
    if (wanted === "create") return create(context);
    if (login === undefined) throw wrongUse(`narun token ${wanted} needs a credentials file`);
    return wanted === "renew" ? renew(context, login) : revoke(context, login);
  },
});

async function create({ options, output }: Context): Promise<void> {
  const { role: wanted, ttl: lifeMs = wanted === "node" ? NODE_MS : LOGIN_MS } = options;
  const facts = requireNetwork(options.dataDir);
  const expiresAt = new Date(Date.now() + lifeMs).toISOString();
  if (wanted !== "node") {
    const creds = createLogin(roleKey(facts.keys, wanted), { lifeMs });
    const user = claimsIn(creds)?.sub;
    const ca = facts.authority.cert;
    if (output.isJson) return output.json({ role: wanted, expiresAt, user, creds, ca });
    output.line(creds);
    output.note(`The user's public key, for \`narun token revoke\`: ${user}`);
    return;
  }
  const token = createJoinToken(facts.keys, fingerprintOfNetwork(facts), lifeMs);
  if (output.isJson) return output.json({ role: wanted, expiresAt, token });
  output.line(token);
  output.note(`For one node, until ${expiresAt}: narun up --join TOKEN@HOST:4222 --cluster HOST:6222`);
}

/** The same name: a gateway that runs with the file goes on with its requests. */
async function renew({ options, output }: Context, file: string): Promise<void> {
  const { keys } = requireNetwork(options.dataDir);
  const claims = claimsIn(readLogin(file));
  const found = claims && roleOfLogin(claims);
  if (claims?.name === undefined || found === undefined) throw wrongUse(`${file} is no login of a network`);
  const { ttl: lifeMs = LOGIN_MS } = options;
  const creds = createLogin(roleKey(keys, found), { lifeMs, name: claims.name });
  writeWholeSync(file, creds, 0o600);
  const expiresAt = new Date(Date.now() + lifeMs).toISOString();
  if (output.isJson) return output.json({ file, role: found, expiresAt, user: claimsIn(creds)?.sub });
  output.line(`${output.colours.bold(file)}  ${found}, until ${expiresAt}`);
}

async function revoke({ options, settings, output }: Context, login: string): Promise<void> {
  const user = isUserKey(login) ? login : claimsIn(readLogin(login))?.sub;
  if (user === undefined || !isUserKey(user)) throw wrongUse(`${login} is no login of a network`);
  await using operator = await operateNetwork(options.dataDir, resolveNats(settings).url);
  await operator.change((state) => ({ ...state, keys: revokeUser(state.keys, user) }));
  if (output.isJson) return output.json({ user, revoked: true });
  output.line(`${output.colours.bold(user)}  is not let in any more`);
}

function readLogin(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new NarunError("USAGE", { detail: `${file} cannot be read` }, { cause: error });
  }
}
