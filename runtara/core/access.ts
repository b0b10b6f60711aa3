/**
 * Tokens: of an operator, of a tenant, of an instance, of one run of it. Each says whom it is for, with a proof under a key
 * that all doors of a world share.
 *
 * I1  A token is never stored. The token of a run ends with the run: its number is compared with the instance's.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { parseJson } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import { at, openStore, type Store } from "./store.ts";

const GrantSchema = z.strictObject({
  /** Absent: an operator's token, for every tenant. */
  tenant: z.string().optional(),
  /** Absent: for every instance of the tenant, and for the calls of its management. */
  instance: z.string().optional(),
  /** Absent: for every run. */
  run: z.int().optional(),
});
/** Whom a token is for. */
export type Grant = z.infer<typeof GrantSchema>;

export interface Access {
  issue(grant: Grant): string;
  /** Undefined: it is no token of this world. */
  verify(token: string): Grant | undefined;
}

const FORM = "rt1";
const KEY_BYTES = 32;

/** Opens the access of a world; its key is made at the first use. */
export async function openAccess(store: Store): Promise<Access> {
  const key = await readKey(store);
  const proofOf = (text: string) => createHmac("sha256", key).update(`${FORM}.${text}`).digest();
  return {
    issue(grant) {
      const text = Buffer.from(JSON.stringify(grant)).toString("base64url");
      return `${FORM}.${text}.${proofOf(text).toString("base64url")}`;
    },
    verify(token) {
      const [form, text, proof, ...rest] = token.split(".");
      if (form !== FORM || text === undefined || proof === undefined || rest.length > 0) return undefined;
      const [given, own] = [Buffer.from(proof, "base64url"), proofOf(text)];
      if (given.byteLength !== own.byteLength || !timingSafeEqual(given, own)) return undefined;
      return parseJson(Buffer.from(text, "base64url").toString(), GrantSchema);
    },
  };
}

/** A token for Runtara's doors. Errors: see needsJetStream. */
export async function issueRuntaraToken(nats: Nats, grant: Grant): Promise<string> {
  return (await openAccess(await openStore(nats))).issue(grant);
}

async function readKey({ records }: Store): Promise<Uint8Array> {
  for (;;) {
    const record = await records.get(at.key);
    if (record?.data.byteLength === KEY_BYTES) return record.data;
    const key = randomBytes(KEY_BYTES);
    if ((await records.put(at.key, key, { ifSequence: record?.sequence ?? 0 })) !== undefined) return key;
  }
}
