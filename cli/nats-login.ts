/**
 * How a command reaches NATS, and logs in there: options, then the address, then the environment. The variables have the
 * names that NATS' own command line reads; `NARUN_` before a name wins over it. No password is an option, as others on
 * the machine see arguments.
 */
import type { Command } from "commander";
import { NarunError } from "../contracts/index.ts";
import { hasIdentity, type LoginPart, type NatsLogin, parseServers } from "../nats/index.ts";

export interface NatsFlags {
  nats?: string;
  creds?: string;
  nkey?: string;
  user?: string;
  passwordFile?: string;
  tokenFile?: string;
  tlsCa?: string;
  tlsCert?: string;
  tlsKey?: string;
}

export interface NatsAccess {
  /** Without a login. Default: that of `connectNats`. */
  url?: string;
  login: NatsLogin;
}

export function addNatsOptions(program: Command): Command {
  return program
    .option("--nats <url>", "NATS server to use (NARUN_NATS_URL, NATS_URL; default nats://127.0.0.1:4222)")
    .option(
      "--user <name>",
      "user for NATS; the password is in the file below or in NATS_PASSWORD (NATS_USER)",
    )
    .option("--password-file <file>", "the user's password, in a file")
    .option("--token-file <file>", "a token for NATS, in a file (NATS_TOKEN: the token itself)")
    .option("--nkey <file>", "the seed of an nkey, in a file (NATS_NKEY)")
    .option("--creds <file>", "NATS credentials file (NARUN_CREDS, NATS_CREDS)")
    .option("--tls-ca <file>", "certificates that NATS' own is checked against (NATS_CA)")
    .option("--tls-cert <file>", "this client's certificate (NATS_CERT)")
    .option("--tls-key <file>", "its key (NATS_KEY)");
}

/** `fallbackUrl`: the address where neither option nor environment names one. Error: USAGE. */
export function resolveNats(flags: NatsFlags, fallbackUrl?: string): NatsAccess {
  const address = flags.nats ?? variable("NATS_URL") ?? fallbackUrl;
  const parsed = address === undefined ? undefined : parseServers(address);
  const tls = pick({
    ca: fileOf(flags.tlsCa ?? variable(VARIABLES.ca)),
    cert: fileOf(flags.tlsCert ?? variable(VARIABLES.cert)),
    key: fileOf(flags.tlsKey ?? variable(VARIABLES.key)),
  });
  const identity = [identityOfFlags(flags), parsed?.login ?? {}].find(hasIdentity) ?? identityOfEnvironment();
  return { ...(parsed === undefined ? {} : { url: parsed.url }), login: { ...identity, ...tls } };
}

function identityOfFlags({ creds, nkey, tokenFile, user, passwordFile }: NatsFlags): NatsLogin {
  const password = fileOf(passwordFile) ?? variable(VARIABLES.password);
  if (user !== undefined && password === undefined)
    throw new NarunError("USAGE", { detail: "--user needs a password: in --password-file or NATS_PASSWORD" });
  const name = user ?? (passwordFile === undefined ? undefined : variable(VARIABLES.user));
  if (passwordFile !== undefined && name === undefined)
    throw new NarunError("USAGE", { detail: "--password-file needs --user or NATS_USER" });
  return pick({
    creds: fileOf(creds),
    nkey: fileOf(nkey),
    token: fileOf(tokenFile),
    user: name,
    password: name === undefined ? undefined : password,
  });
}

function identityOfEnvironment(): NatsLogin {
  const user = variable(VARIABLES.user);
  const password = variable(VARIABLES.password);
  return pick({
    creds: fileOf(process.env.NARUN_CREDS || variable(VARIABLES.creds)),
    nkey: fileOf(variable(VARIABLES.nkey)),
    // A user without a password is a token, as in the address.
    token: variable(VARIABLES.token) ?? (password === undefined ? user : undefined),
    user: password === undefined ? undefined : user,
    password: user === undefined ? undefined : password,
  });
}

const VARIABLES: Record<LoginPart, string> = {
  user: "NATS_USER",
  password: "NATS_PASSWORD",
  token: "NATS_TOKEN",
  nkey: "NATS_NKEY",
  creds: "NATS_CREDS",
  ca: "NATS_CA",
  cert: "NATS_CERT",
  key: "NATS_KEY",
};

/** An empty variable counts as none. */
function variable(name: string): string | undefined {
  return process.env[`NARUN_${name}`] || process.env[name] || undefined;
}

export interface ChildLogin {
  /** To add to `narun`'s command line: names of files. */
  args: string[];
  /** To put over this process' environment: undefined where the child is to have none. */
  env: Record<string, string | undefined>;
}

const FILE_OPTIONS: Partial<Record<LoginPart, string>> = {
  password: "--password-file",
  token: "--token-file",
};

/**
 * Hands a login on to another `narun`, and nothing of the own environment's that is not part of it. Passwords go by the
 * environment, which only the same user can see.
 */
export function handOn(login: NatsLogin): ChildLogin {
  const args: string[] = [];
  const env: ChildLogin["env"] = { NARUN_CREDS: undefined };
  for (const [part, name] of Object.entries(VARIABLES) as [LoginPart, string][]) {
    const value = login[part];
    const option = FILE_OPTIONS[part];
    env[name] = undefined;
    env[`NARUN_${name}`] = undefined;
    if (typeof value === "object" && option !== undefined) args.push(option, value.file);
    else env[name] = typeof value === "object" ? value.file : value;
  }
  return { args, env };
}

const SECRET_ITSELF = /^S[A-Z2-7]{57}$|-----BEGIN /;

/** Takes the text of a seed or of a file where its name belongs, rather than showing it as a file that is not there. */
function fileOf(file: string | undefined): string | { file: string } | undefined {
  if (!file) return undefined;
  return SECRET_ITSELF.test(file) ? file : { file };
}

function pick(login: { [part in LoginPart]?: NatsLogin[part] | undefined }): NatsLogin {
  return Object.fromEntries(Object.entries(login).filter(([, value]) => value !== undefined)) as NatsLogin;
}
