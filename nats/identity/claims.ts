/** JWTs of NATS (ADR-14): claims that an nkey signs. Equal claims of one time are equal texts. */
import { createHash } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";
import { inboxRoots, ROLES, type Role } from "../../contracts/index.ts";

export type KeyPair = ReturnType<typeof nkeys.createUser>;

export interface ClaimsOptions {
  /** The public key of whom the claims are about. */
  subject: string;
  name: string;
  nats: Record<string, unknown>;
  /** When they end. Default: never. */
  expiresAtMs?: number | undefined;
  now?: number;
}

export const keyPairOf = (seed: string): KeyPair => nkeys.fromSeed(new TextEncoder().encode(seed));
export const seedOfPair = (pair: KeyPair): string => new TextDecoder().decode(pair.getSeed());

export function signClaims(
  issuer: KeyPair,
  { subject, name, nats, expiresAtMs, now = Date.now() }: ClaimsOptions,
): string {
  const facts = {
    iat: Math.floor(now / 1_000),
    ...(expiresAtMs === undefined ? {} : { exp: Math.floor(expiresAtMs / 1_000) }),
    iss: issuer.getPublicKey(),
    name,
    sub: subject,
    nats: { ...nats, version: 2 },
  };
  const claims = { jti: createHash("sha256").update(JSON.stringify(facts)).digest("hex"), ...facts };
  const text = `${encode({ typ: "JWT", alg: "ed25519-nkey" })}.${encode(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(new TextEncoder().encode(text))).toString("base64url")}`;
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

export interface Claims {
  name?: string;
  /** Seconds. */
  iat?: number;
  exp?: number;
  jti?: string;
  /** The public keys of who signed it, and of whom it is about. */
  iss?: string;
  sub?: string;
  tags: string[];
}

/** The claims in a credentials file, unchecked: the server checks them. Undefined where there are none. */
export function claimsIn(text: string): Claims | undefined {
  const [, body = ""] = /\beyJ[\w-]+\.([\w-]+)\.[\w-]+/.exec(text) ?? [];
  try {
    const { name, iat, exp, jti, iss, sub, nats } = JSON.parse(Buffer.from(body, "base64url").toString());
    const tags: unknown[] = Array.isArray(nats?.tags) ? nats.tags : [];
    return { name, iat, exp, jti, iss, sub, tags: tags.filter((tag) => typeof tag === "string") };
  } catch {
    return undefined;
  }
}

const INBOX = "inbox:";
export const inboxTag = (prefix: string) => INBOX + prefix;

/** The role of a login in a network of narun's own. */
export function roleOfLogin({ tags }: Claims): Role | undefined {
  return ROLES.find((role) => tags.some((tag) => tag.startsWith(`${INBOX}${inboxRoots[role]}.`)));
}

/** Where the replies to a login go, for logins that may hear no other place. */
export function inboxOf(creds: string | undefined): string | undefined {
  const tag = creds === undefined ? undefined : claimsIn(creds)?.tags.find((one) => one.startsWith(INBOX));
  return tag?.slice(INBOX.length);
}
