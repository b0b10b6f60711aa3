/**
 * How a connection logs in. A part of a login is a text, or the file that holds it.
 *
 * I1  Files are read at each connect, so that a login that is renewed needs no restart. While NATS is away, a file
 *     that cannot be read leaves the last login in force.
 * I2  A connection uses one method: a credentials file, else an nkey, else a token, else user and password.
 */
import { readFileSync } from "node:fs";
import { getSystemErrorMessage } from "node:util";
import { type Auth, credsAuthenticator, nkeyAuthenticator, type TlsOptions } from "@nats-io/transport-node";
import { messageOf, NarunError } from "../../contracts/index.ts";

/** The parts of a login, with the names that errors have for their files. */
const PARTS = {
  user: "user's file",
  password: "password file",
  token: "token file",
  nkey: "nkey file",
  creds: "credentials file",
  ca: "file of the certificate authorities",
  cert: "certificate file",
  key: "file of the certificate's key",
} as const;

export type LoginPart = keyof typeof PARTS;

/** A login as it is named: `ca`, `cert` and `key` are for TLS, and go with every method. */
export type NatsLogin = { readonly [part in LoginPart]?: string | { readonly file: string } };

/** A login with its texts, for a process that may not read files. */
export type LoginTexts = { readonly [part in LoginPart]?: string };

const METHODS = ["creds", "nkey", "token", "user", "password"] as const satisfies readonly LoginPart[];

/** Whether a login says who logs in. */
export function hasIdentity(login: NatsLogin): boolean {
  return METHODS.some((part) => login[part] !== undefined);
}

/** A login that is given apart from the address wins over the address' own. */
export function combine(login: NatsLogin, loginOfUrl: NatsLogin): NatsLogin {
  return hasIdentity(login) ? login : { ...loginOfUrl, ...withoutIdentity(login) };
}

/** The parts of a login for TLS. */
export function withoutIdentity({ ca, cert, key }: NatsLogin): NatsLogin {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** Reads the files of a login. Error: USAGE, where one cannot be read. */
function readLogin(login: NatsLogin): LoginTexts {
  const texts: { [part in LoginPart]?: string } = {};
  for (const part of Object.keys(PARTS) as LoginPart[]) {
    const value = login[part];
    if (value === undefined) continue;
    texts[part] = typeof value === "string" ? value : readPart(part, value.file);
  }
  // Both are read here: a file of another kind is an error at once.
  if (texts.creds !== undefined) answerOf({ creds: texts.creds }, "");
  else if (texts.nkey !== undefined) seedOf(texts.nkey);
  return texts;
}

/** The login as it is now, at each call. */
export function followLogin(login: NatsLogin): () => LoginTexts {
  let last = readLogin(login);
  return () => {
    try {
      last = readLogin(login);
    } catch {
      // It may be written at this moment; the next attempt reads it again.
    }
    return last;
  };
}

/** The answer to a server that asks for a login. `nonce`: the text that the server wants signed. */
export function answerOf(texts: LoginTexts, nonce: string | undefined): Auth {
  const encode = (text: string) => new TextEncoder().encode(text);
  if (texts.creds !== undefined) {
    try {
      // The client library wants a line end behind the last line, which a shell's variable lacks.
      return credsAuthenticator(encode(`${texts.creds}\n`))(nonce);
    } catch (error) {
      throw new NarunError(
        "USAGE",
        { detail: "the credentials file has no JWT and seed in it, as `nsc` writes them" },
        { cause: error },
      );
    }
  }
  if (texts.nkey !== undefined) return nkeyAuthenticator(encode(seedOf(texts.nkey)))(nonce);
  if (texts.token !== undefined) return { auth_token: texts.token };
  if (texts.user !== undefined) return { user: texts.user, pass: texts.password ?? "" };
  return undefined;
}

/** When the JWT of a credentials file expires (`exp`, RFC 7519); undefined where it does not, or is none. */
export function expiryOf(creds: string): Date | undefined {
  const [, claims = ""] = /\beyJ[\w-]+\.([\w-]+)\.[\w-]+/.exec(creds) ?? [];
  const exp = /"exp":\s*(\d{1,12})\b/.exec(Buffer.from(claims, "base64url").toString())?.[1];
  return exp === undefined ? undefined : new Date(Number(exp) * 1_000);
}

/** The options of TLS; undefined where it is not asked for: then the server decides. */
export function tlsOf({ ca, cert, key }: LoginTexts): TlsOptions | undefined {
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function isOneLine(part: LoginPart): boolean {
  return part === "password" || part === "token" || part === "user";
}

function readPart(part: LoginPart, file: string): string {
  try {
    const text = readFileSync(file, "utf8");
    // An editor ends a file with a line end that is no part of a password.
    return isOneLine(part) ? text.replace(/\r?\n$/, "") : text;
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    // The name of a password's file is not shown: it may be the password itself, given where a file belongs.
    const why = isOneLine(part) && errno !== undefined ? getSystemErrorMessage(errno) : messageOf(error);
    const detail = `the ${PARTS[part]} cannot be read: ${why}`;
    throw new NarunError("USAGE", { detail }, { cause: error });
  }
}

/** The seed in a text that may have comments, as `nk -gen user` writes it. */
function seedOf(text: string): string {
  const seed = /\bSU[A-Z2-7]{56}\b/.exec(text)?.[0];
  if (seed === undefined)
    throw new NarunError("USAGE", { detail: "the nkey file has no seed of a user in it (SU…)" });
  return seed;
}
