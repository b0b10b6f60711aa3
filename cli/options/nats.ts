/**
 * How a command reaches NATS and logs in there: flags, then the address, then the environment. The variables have the
 * names that NATS' own command line reads; the same name with `NARUN_` before it wins. No flag takes a password, as other
 * users of the machine see the arguments of a process.
 */
import { type LoginPart, type NatsTransport, parseServers } from "../../nats/index.ts";
import { asText, type Given, type GivenText, type Option, value } from "./option.ts";
import { replicas } from "./replicas.ts";
import { oneOf } from "./values.ts";

/** A secret as `narun config` shows it. */
const HIDDEN = "(hidden)";

/** A secret or the name of its file, as `NatsLogin` has it. */
type Secret = string | { file: string };

const TRANSPORTS: readonly NatsTransport[] = ["own", "plain"];

/** The options of every command that connects to NATS. */
export const natsOptions = {
  nats: value({
    flag: "--nats <url>",
    variables: natsVariables("URL"),
    help: "NATS server to use",
    fallbackHelp: "nats://127.0.0.1:4222; up and dev start a server",
    show: ({ texts }) => hideLogin(texts.join()),
    parse: asText,
  }),
  user: value({
    flag: "--user <name>",
    variables: natsVariables("USER"),
    help: "user for NATS; its password is in the file below or in NATS_PASSWORD",
    // A variable without a password is a token.
    show: (given) => (given.source.kind === "flag" ? given.texts.join() : HIDDEN),
    parse: asText,
  }),
  password: secret(
    "--password-file <file>",
    "PASSWORD",
    "the user's password, in a file",
    "the password itself",
  ),
  token: secret("--token-file <file>", "TOKEN", "a token for NATS, in a file", "the token itself"),
  nkey: file("--nkey <file>", natsVariables("NKEY"), "the seed of an nkey, in a file"),
  creds: file("--creds <file>", ["NARUN_CREDS", ...natsVariables("CREDS")], "NATS credentials file"),
  ca: file("--tls-ca <file>", natsVariables("CA"), "certificates that check NATS' own"),
  cert: file("--tls-cert <file>", natsVariables("CERT"), "this client's certificate"),
  key: file("--tls-key <file>", natsVariables("KEY"), "its key"),
  transport: value({
    variables: ["NARUN_NATS_TRANSPORT"],
    help: "own, or plain: the NATS client library alone",
    fallback: "own",
    parse: oneOf(TRANSPORTS),
  }),
  copies: { ...replicas, flag: undefined },
} satisfies Record<"nats" | "transport" | "copies" | LoginPart, Option<unknown>>;

function natsVariables(name: string): string[] {
  return [`NARUN_NATS_${name}`, `NATS_${name}`];
}

/** A flag for a file, and variables with the secret itself. */
function secret(flag: string, name: string, help: string, variableHelp: string) {
  return value({
    flag,
    variables: natsVariables(name),
    help,
    variableHelp,
    ignoresEmpty: true,
    show: (given) => (given.source.kind === "flag" ? showFile(given) : HIDDEN),
    parse: ({ text, source }): Secret => (source.kind === "flag" ? fileOrText(text) : text),
  });
}

/** A flag and variables for a file. */
function file(flag: string, variables: readonly string[], help: string) {
  return value({
    flag,
    variables,
    help,
    ignoresEmpty: true,
    show: showFile,
    parse: ({ text }: GivenText): Secret => fileOrText(text),
  });
}

function showFile({ texts }: Given): string {
  return texts.some(isSecret) ? HIDDEN : texts.join();
}

/** Takes the text of a seed or of a file where a file's name belongs: an error about a missing file would show the text. */
function fileOrText(text: string): Secret {
  return isSecret(text) ? text : { file: text };
}

/** Whether a text is a seed, a JWT, or a file's content: that has several lines. */
function isSecret(text: string): boolean {
  return /^S[A-Z2-7]{57}$|^eyJ[\w-]+\.[\w-]+\.|-----BEGIN |\n/.test(text.trim());
}

/** Addresses without their logins, and nothing of a text that is not known to be addresses. */
function hideLogin(text: string): string {
  const logins = text.slice(0, text.lastIndexOf("@") + 1).split(",");
  // A password with a comma makes parts without a scheme or an @.
  const isClear = logins.length === 1 || logins.every((one) => /^\s*[a-z]+:\/\/.+@/i.test(one));
  if (text.includes("@") && !(isClear && isAddress(text))) return HIDDEN;
  return text.replace(/(^|,)(\s*[a-z]+:\/\/)?[^,]*@/gi, "$1$2***@");
}

function isAddress(text: string): boolean {
  try {
    parseServers(text);
    return true;
  } catch {
    return false;
  }
}
