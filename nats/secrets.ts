import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { messageOf, NarunError, type StoredSecret } from "../contracts/index.ts";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The master key that all secrets are encrypted under. */
export interface SecretsKey {
  seal(name: string, value: string): Pick<StoredSecret, "ciphertext" | "nonce">;
  /** Error: SECRET_UNREADABLE, where another key, or another name, encrypted it, or the value is no text in UTF-8. */
  open(name: string, stored: StoredSecret): string;
}

/**
 * Reads a master key: base64 of 32 bytes. Several keys, one a line or with commas between, are one while the key is being
 * changed: the first one seals, and each opens. Undefined for any other text.
 */
export function parseSecretsKey(text: string): SecretsKey | undefined {
  const parts = splitSecretsKeys(text);
  const keys = parts.flatMap((part) => parseOne(part) ?? []);
  const [first] = keys;
  if (first === undefined || keys.length < parts.length) return undefined;
  return keys.length === 1
    ? first
    : { seal: first.seal, open: (name, stored) => openWithAny(keys, name, stored) };
}

/** The texts of several keys. */
export function splitSecretsKeys(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== "");
}

function parseOne(text: string): SecretsKey | undefined {
  const key = Buffer.from(text, "base64");
  const isKey = key.byteLength === KEY_BYTES && /^[A-Za-z0-9+/_-]+=*$/.test(text);
  // The key stays in a closure: no log or inspection of the object shows it.
  return isKey ? createSecretsKey(key) : undefined;
}

function openWithAny(keys: readonly SecretsKey[], name: string, stored: StoredSecret): string {
  let fault: unknown;
  for (const key of keys) {
    try {
      return key.open(name, stored);
    } catch (error) {
      fault ??= error;
    }
  }
  throw fault;
}

/** A new master key, as `parseSecretsKey` reads it. */
export function generateSecretsKey(): string {
  return randomBytes(KEY_BYTES).toString("base64");
}

function createSecretsKey(key: Buffer): SecretsKey {
  return {
    seal(name, value) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(name));
      const sealed = Buffer.concat([cipher.update(value, "utf8"), cipher.final(), cipher.getAuthTag()]);
      return { ciphertext: sealed.toString("base64"), nonce: nonce.toString("base64") };
    },
    open(name, { ciphertext, nonce }) {
      try {
        const sealed = Buffer.from(ciphertext, "base64");
        const end = sealed.byteLength - TAG_BYTES;
        const decipher = createDecipheriv(CIPHER, key, Buffer.from(nonce, "base64"), {
          authTagLength: TAG_BYTES,
        })
          .setAAD(Buffer.from(name))
          .setAuthTag(sealed.subarray(end));
        const value = Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
      } catch (error) {
        // The library's error text does not describe the value.
        throw new NarunError("SECRET_UNREADABLE", { detail: `${name}: ${messageOf(error)}` });
      }
    },
  };
}
