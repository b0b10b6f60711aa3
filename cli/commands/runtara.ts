import { defineCommand } from "../command/define-command.ts";
import { asText, value } from "../options/option.ts";
import { oneOf, wrongUse } from "../options/values.ts";

const ACTIONS = ["token"] as const;

const tenant = value({
  flag: "--tenant <id>",
  help: "the token is for this tenant alone",
  fallbackHelp: "all",
  parse: asText,
});
const instance = value({
  flag: "--instance <id>",
  help: "the token is for this instance alone; needs --tenant",
  fallbackHelp: "all, and their management",
  parse: asText,
});

export const runtaraCommand = defineCommand({
  usage: "runtara <action>",
  says: "token: print a token for Runtara's doors (--runtara-http)",
  options: { tenant, instance },
  examples: [
    ["narun runtara token", "an operator's: every tenant, instances and their management"],
    ["narun runtara token --tenant acme", "a tenant's"],
    ["narun runtara token --tenant acme --instance order-17", "a program's that narun did not start"],
  ],
  async run({ action }, { options, output, connect }) {
    oneOf(ACTIONS)({ text: action, source: { kind: "flag", name: "narun runtara" } });
    if (options.instance !== undefined && options.tenant === undefined)
      throw wrongUse("--instance needs --tenant: an id belongs to a tenant");
    const { issueRuntaraToken } = await import("../../runtara/index.ts");
    const token = await issueRuntaraToken(await connect(), {
      ...(options.tenant !== undefined && { tenant: options.tenant }),
      ...(options.instance !== undefined && { instance: options.instance }),
    });
    if (output.isJson) return output.json({ token });
    output.line(token);
  },
});
