/**
 * Seals and opens under one key of a label: JWEs in compact form (RFC 7516), by Node's ciphers.
 *
 * I1  Algorithms are named here, never taken from a message: a message with others does not open.
 * I2  Each message has a nonce of its own, out of random numbers. A content key seals `MAX_MESSAGES` at most, for `MAX_AGE_MS` at
 *     most: the chance that one of its nonces (96 bits) comes twice is below 2^-77.
 * I3  A content key stands under one key of one label, in the memory of one function: a rotation of the label ends its use.
 * I4  A content key is kept where it was unwrapped with success alone, which only a holder of the label's key can bring about.
 */
import { createCipheriv, createDecipheriv, randomFillSync } from "node:crypto";
import { BoundedMap } from "../contracts/index.ts";

/** More fields of a protected header, which is authenticated with the content. */
export type SealFields = Readonly<Record<string, string | number | boolean>>;

export interface Opened {
  bytes: Uint8Array;
  fields: Readonly<Record<string, unknown>>;
}

/** The parts of a sealed text. Nothing of it is verified. */
export interface Compact {
  header: string;
  fields: Readonly<Record<string, unknown>>;
  /** In base64url. */
  parts: readonly string[];
}

export interface LabelCipher {
  seal(content: Uint8Array | string, fields: SealFields): string;
  /** Throws where the text was changed, or is another key's. */
  open(sealed: Compact): Opened;
}

const ENCRYPTION = "A256GCM";
/** Wraps a content key under a label's key. */
const UNDER = "A256KW";
/** A256KW (RFC 3394, with its initial value) and A256GCM (RFC 7518, section 5.3), as Node's ciphers name them. */
const WRAP_CIPHER = "id-aes256-wrap";
const WRAP_IV = Buffer.from("a6a6a6a6a6a6a6a6", "hex");
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** How many messages a content key seals. More would save less than a hundredth of their cost. */
const MAX_MESSAGES = 1_000;
/** How long a content key seals. */
const MAX_AGE_MS = 10_000;
/** Upper bound of the content keys of others that are kept: about the number of senders at a time. */
const MAX_UNWRAPPED = 64;

interface ContentKey {
  bytes: Buffer;
  /** In base64url. */
  wrapped: string;
  endsAtMs: number;
  left: number;
}

/** `key`: the 32 bytes of a label's key. */
export function createLabelCipher(key: Uint8Array): LabelCipher {
  const random = createRandom();
  let own: ContentKey | undefined;
  const unwrapped = new BoundedMap<string, Buffer>(MAX_UNWRAPPED);
  const contentKeyOf = (wrapped: string): Buffer => {
    const known = unwrapped.get(wrapped);
    if (known !== undefined) return known;
    const unwrap = createDecipheriv(WRAP_CIPHER, key, WRAP_IV);
    const bytes = Buffer.concat([unwrap.update(decode(wrapped)), unwrap.final()]);
    unwrapped.set(wrapped, bytes);
    return bytes;
  };
  return {
    seal(content, fields) {
      const now = performance.now();
      if (own === undefined || own.left === 0 || now >= own.endsAtMs)
        own = makeContentKey(key, random(KEY_BYTES), now);
      own.left -= 1;
      const iv = random(IV_BYTES);
      const header = encodeHeader(fields);
      const cipher = createCipheriv(CIPHER, own.bytes, iv).setAAD(Buffer.from(header, "latin1"));
      const sealed = typeof content === "string" ? cipher.update(content, "utf8") : cipher.update(content);
      // GCM leaves nothing for the end.
      cipher.final();
      const tag = cipher.getAuthTag().toString("base64url");
      return `${header}.${own.wrapped}.${iv.toString("base64url")}.${sealed.toString("base64url")}.${tag}`;
    },
    open({ header, fields, parts }) {
      const isKnown = fields.alg === UNDER && fields.enc === ENCRYPTION;
      // Extensions that have to be understood, and compression, are none of this form.
      if (!isKnown || "crit" in fields || "zip" in fields) throw new TypeError("it has another form");
      const [wrapped = "", ...others] = parts;
      const [iv, content, tag] = others.map(decode) as [Buffer, Buffer, Buffer];
      if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) throw new TypeError("it has another form");
      const cipher = createDecipheriv(CIPHER, contentKeyOf(wrapped), iv, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(header, "latin1")).setAuthTag(tag);
      const bytes = cipher.update(content);
      cipher.final();
      return { bytes, fields };
    },
  };
}

/** The parts of a text in the compact form, with a key id. Undefined: it is none. */
export function parseCompact(sealed: string): Compact | undefined {
  if (!sealed.startsWith(BEGIN)) return undefined;
  const [header = "", ...parts] = sealed.split(".", MAX_PARTS);
  if (parts.length !== 4) return undefined;
  const fields = fieldsOf(header);
  return fields && { header, fields, parts };
}

/** `{"`, in base64url. */
const BEGIN = "eyJ";
/** One more than a text has. */
const MAX_PARTS = 6;

function fieldsOf(header: string): Compact["fields"] | undefined {
  try {
    const fields: unknown = JSON.parse(decode(header).toString());
    return typeof fields === "object" && fields !== null ? (fields as Compact["fields"]) : undefined;
  } catch {
    return undefined;
  }
}

function encodeHeader(fields: SealFields): string {
  return Buffer.from(JSON.stringify({ alg: UNDER, enc: ENCRYPTION, ...fields })).toString("base64url");
}

function decode(part: string): Buffer {
  const bytes = Buffer.from(part, "base64url");
  if (bytes.toString("base64url") !== part) throw new TypeError("it is not in base64url");
  return bytes;
}

function makeContentKey(key: Uint8Array, random: Uint8Array, nowMs: number): ContentKey {
  const bytes = Buffer.from(random);
  const wrap = createCipheriv(WRAP_CIPHER, key, WRAP_IV);
  const wrapped = Buffer.concat([wrap.update(bytes), wrap.final()]).toString("base64url");
  return { bytes, wrapped, endsAtMs: nowMs + MAX_AGE_MS, left: MAX_MESSAGES };
}

const RANDOM_BYTES = 4_096;

/** Random bytes that nobody gets twice. One question for many: each costs as much as a cipher. */
function createRandom(): (count: number) => Buffer {
  let bytes = Buffer.alloc(0);
  let at = 0;
  return (count) => {
    if (at + count > bytes.byteLength) {
      bytes = randomFillSync(Buffer.alloc(RANDOM_BYTES));
      at = 0;
    }
    at += count;
    return bytes.subarray(at - count, at);
  };
}
