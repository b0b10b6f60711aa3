import { NarunError } from "../../contracts/index.ts";
import { createJoinToken, createLogin, roleKey } from "../../nats/index.ts";
import { defineCommand } from "../command/define-command.ts";
import { fingerprintOfNetwork, readNetwork } from "../network/network-folder.ts";
import { value } from "../options/option.ts";
import { dataDir } from "../options/storage.ts";
import { oneOf, parseDuration, wrongUse } from "../options/values.ts";

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
  parse: parseDuration,
});

const NODE_MS = 3_600_000;
const LOGIN_MS = 90 * 24 * 3_600_000;

export const tokenCommand = defineCommand({
  usage: "token <action>",
  says: "let a node join this network, or make a login: `create`",
  options: { role, ttl, dataDir },
  examples: [
    ["narun token create", "the text before the @ of `narun up --join`"],
    ["narun token create --role author > author.creds", "for people who push functions"],
  ],
  async run({ action }, { options, output }) {
    if (action !== "create") throw wrongUse(`narun token has the action create, not ${action}`);
    const { role: wanted, ttl: lifeMs = wanted === "node" ? NODE_MS : LOGIN_MS } = options;
    const facts = readNetwork(options.dataDir);
    if (facts === undefined) throw new NarunError("NETWORK_MISSING", { detail: options.dataDir });
    const expiresAt = new Date(Date.now() + lifeMs).toISOString();
    if (wanted !== "node") {
      const creds = createLogin(roleKey(facts.keys, wanted), { lifeMs });
      const ca = facts.authority.cert;
      return output.isJson ? output.json({ role: wanted, expiresAt, creds, ca }) : output.line(creds);
    }
    const token = createJoinToken(facts.keys, fingerprintOfNetwork(facts), lifeMs);
    if (output.isJson) return output.json({ role: wanted, expiresAt, token });
    output.line(token);
    output.note(`For one node, until ${expiresAt}: narun up --join TOKEN@HOST:4222 --cluster HOST:6222`);
  },
});
