/** The access to NATS out of its options. The first source that names an identity counts: flags, address, variables. */
import {
  hasIdentity,
  type LoginPart,
  type NatsLogin,
  type NatsTransport,
  parseServers,
} from "../../nats/index.ts";
import { natsOptions } from "./nats.ts";
import type { Setting, Settings } from "./resolve.ts";
import { wrongUse } from "./values.ts";

/** The parts of a login, in the order of the help. */
const PARTS = Object.keys(natsOptions).filter(
  (name): name is LoginPart => name !== "nats" && name !== "transport" && name !== "copies",
);

type NatsSettings = Settings<typeof natsOptions>;

export interface NatsAccess {
  /** Without a login. Default: that of `connectNats`. */
  url?: string;
  login: NatsLogin;
  transport: NatsTransport;
  copies: number | undefined;
}

/** Error: USAGE. */
export function resolveNats(settings: NatsSettings): NatsAccess {
  const address = settings.nats.value;
  const parsed = address === undefined ? undefined : parseServers(address);
  const { ca, cert, key } = settings;
  const tls = pick({ ca: ca.value, cert: cert.value, key: key.value });
  const identity =
    [identityOfFlags(settings), parsed?.login ?? {}].find(hasIdentity) ?? identityOfVariables(settings);
  const url = parsed === undefined ? {} : { url: parsed.url };
  return {
    ...url,
    login: { ...identity, ...tls },
    transport: settings.transport.value,
    copies: settings.copies.value,
  };
}

/** A flag for the user or the password needs the other of the two, from a flag or a variable. */
function identityOfFlags({ user, password, token, nkey, creds }: NatsSettings): NatsLogin {
  const isNamed = isFlag(user) || isFlag(password);
  if (isNamed && password.value === undefined)
    throw wrongUse("--user needs a password: in --password-file or NATS_PASSWORD");
  if (isNamed && user.value === undefined) throw wrongUse("--password-file needs --user or NATS_USER");
  return pick({
    creds: ofFlag(creds),
    nkey: ofFlag(nkey),
    token: ofFlag(token),
    user: isNamed ? user.value : undefined,
    password: isNamed ? password.value : undefined,
  });
}

function identityOfVariables({ user, password, token, nkey, creds }: NatsSettings): NatsLogin {
  const isPair = user.value !== undefined && password.value !== undefined;
  return pick({
    creds: creds.value,
    nkey: nkey.value,
    // A user without a password is a token, as in the address.
    token: token.value ?? (isPair ? undefined : user.value),
    user: isPair ? user.value : undefined,
    password: isPair ? password.value : undefined,
  });
}

export interface ChildLogin {
  /** Arguments for `narun`: names of files. */
  args: string[];
  /** Variables over this process' environment; undefined removes one. */
  env: Record<string, string | undefined>;
}

/**
 * Hands a login on to another `narun`, and nothing of the own environment's other logins. Passwords go by the environment,
 * which only the same user can see.
 */
export function handOn(login: NatsLogin): ChildLogin {
  const args: string[] = [];
  const env: ChildLogin["env"] = {};
  for (const part of PARTS) {
    const { variables, variableHelp, flag = "" } = natsOptions[part];
    for (const variable of variables) env[variable] = undefined;
    const given = login[part];
    const own = variables.at(-1) ?? "";
    const isFile = typeof given === "object";
    // The variable of such an option has the secret itself.
    if (isFile && variableHelp !== undefined) args.push(flag.split(" ")[0] ?? "", given.file);
    else env[own] = isFile ? given.file : given;
  }
  return { args, env };
}

function isFlag({ given }: Setting<unknown>): boolean {
  return given?.source.kind === "flag";
}

function ofFlag<Value>(setting: Setting<Value>): Value | undefined {
  return isFlag(setting) ? setting.value : undefined;
}

function pick(login: { [part in LoginPart]?: NatsLogin[part] | undefined }): NatsLogin {
  return Object.fromEntries(Object.entries(login).filter(([, value]) => value !== undefined)) as NatsLogin;
}
