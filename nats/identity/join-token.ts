/**
 * A token with which one node joins a network: a login for that request alone, and the fingerprint of the authority that
 * the network's servers show.
 *
 *     narun1.<fingerprint>.<seed>.<jwt>
 *
 * I1  A request shows the token's JWT and is signed with its seed, so that whoever answers knows which token it was.
 * I2  The answer is sealed (xkeys) for a key that the joining node made for it.
 */
import { nkeys } from "@nats-io/transport-node";
import { NarunError } from "../../contracts/index.ts";
import { claimsIn, keyPairOf } from "./claims.ts";
import { createLogin, type NetworkKeys, roleKey } from "./network.ts";

export interface JoinToken {
  /** SHA-256 of the authority's certificate, hex. */
  fingerprint: string;
  /** A credentials file. */
  creds: string;
  jwt: string;
  seed: string;
  expiresAtMs: number;
}

const SHAPE = /^narun1\.([0-9a-f]{64})\.(SU[A-Z2-7]{56})\.([\w-]+\.[\w-]+\.[\w-]+)$/;

export function createJoinToken(keys: NetworkKeys, fingerprint: string, lifeMs: number): string {
  const creds = createLogin(roleKey(keys, "join"), { lifeMs });
  const jwt = /\beyJ[\w-]+\.[\w-]+\.[\w-]+/.exec(creds)?.[0] ?? "";
  const seed = /\bSU[A-Z2-7]{56}\b/.exec(creds)?.[0] ?? "";
  return `narun1.${fingerprint}.${seed}.${jwt}`;
}

/** The fingerprint of the network of a token, be the token good or not. Undefined for any other text. */
export function fingerprintInToken(text: string): string | undefined {
  return SHAPE.exec(text.trim())?.[1];
}

/** Errors: JOIN_TOKEN_INVALID, JOIN_TOKEN_EXPIRED. */
export function readJoinToken(text: string, now = Date.now()): JoinToken {
  const [, fingerprint, seed, jwt] = SHAPE.exec(text.trim()) ?? [];
  const exp = jwt === undefined ? undefined : claimsIn(jwt)?.exp;
  if (fingerprint === undefined || seed === undefined || jwt === undefined || exp === undefined)
    throw new NarunError("JOIN_TOKEN_INVALID");
  if (exp * 1_000 <= now)
    throw new NarunError("JOIN_TOKEN_EXPIRED", {
      detail: `it was good until ${new Date(exp * 1_000).toISOString()}`,
    });
  const creds = [
    `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n`,
    `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
  ].join("\n");
  return { fingerprint, seed, jwt, creds, expiresAtMs: exp * 1_000 };
}

/** The facts that a node tells when it joins. */
export interface JoinFacts {
  /** `HOST:PORT` of its server's address for other servers. */
  route: string;
}

interface JoinRequest extends JoinFacts {
  jwt: string;
  /** The public key for the answer. */
  seal: string;
}

/** A request, and the key to its answer. */
export function askToJoin(token: JoinToken, facts: JoinFacts) {
  const curve = nkeys.createCurve();
  const request: JoinRequest = { ...facts, jwt: token.jwt, seal: curve.getPublicKey() };
  const body = JSON.stringify(request);
  const signature = keyPairOf(token.seed).sign(new TextEncoder().encode(body));
  return {
    text: JSON.stringify({ body, signature: Buffer.from(signature).toString("base64url") }),
    open(answer: { sealed: string; by: string }): unknown {
      const bytes = curve.open(Buffer.from(answer.sealed, "base64url"), answer.by);
      if (bytes === null) throw new NarunError("JOIN_REFUSED", { detail: "the answer cannot be opened" });
      return JSON.parse(new TextDecoder().decode(bytes));
    },
  };
}

export interface CheckedJoin extends JoinFacts {
  /** The id of the token. */
  id: string;
  expiresAtMs: number;
  /** Seals the answer. */
  seal(answer: unknown): { sealed: string; by: string };
}

/** Checks a request to join (I1). Errors: JOIN_TOKEN_FOREIGN, JOIN_TOKEN_EXPIRED. */
export function checkJoin(text: string, keys: NetworkKeys, now = Date.now()): CheckedJoin {
  const { body, signature } = readFields(text);
  const { jwt = "", seal = "", route = "" } = readFields(body ?? "");
  const [head = "", claims = "", proof = ""] = jwt.split(".");
  const { iss = "", sub = "", jti = "", exp = 0 } = readFields(Buffer.from(claims, "base64url").toString());
  const isOurs = keys.roles.join.some((seed) => keyPairOf(seed).getPublicKey() === iss);
  const isSigned =
    isOurs && hasSigned(iss, `${head}.${claims}`, proof) && hasSigned(sub, body ?? "", signature ?? "");
  if (!isSigned) throw new NarunError("JOIN_TOKEN_FOREIGN");
  const expiresAtMs = Number(exp) * 1_000;
  if (expiresAtMs <= now) throw new NarunError("JOIN_TOKEN_EXPIRED");
  return {
    route,
    id: jti,
    expiresAtMs,
    seal(answer) {
      const curve = nkeys.createCurve();
      const sealed = curve.seal(new TextEncoder().encode(JSON.stringify(answer)), seal);
      return { sealed: Buffer.from(sealed).toString("base64url"), by: curve.getPublicKey() };
    },
  };
}

function hasSigned(publicKey: string, text: string, signature: string): boolean {
  try {
    const key = nkeys.fromPublic(publicKey);
    return key.verify(new TextEncoder().encode(text), Buffer.from(signature, "base64url"));
  } catch {
    return false;
  }
}

/** The texts and numbers of a JSON object of a stranger, as texts. */
function readFields(text: string): Record<string, string | undefined> {
  try {
    const fields: unknown = JSON.parse(text);
    if (typeof fields !== "object" || fields === null) return {};
    return Object.fromEntries(
      Object.entries(fields)
        .filter(([, value]) => typeof value === "string" || typeof value === "number")
        .map(([name, value]) => [name, String(value)]),
    );
  } catch {
    return {};
  }
}
