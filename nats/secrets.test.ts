import { createCipheriv } from "node:crypto";
import { inspect } from "node:util";
import { expect, it } from "vitest";
import type { StoredSecret } from "../contracts/index.ts";
import { generateSecretsKey, parseSecretsKey, type SecretsKey } from "./secrets.ts";

const text = Buffer.alloc(32, 7).toString("base64");
const key = parseSecretsKey(text) as SecretsKey;
const stored = (name: string, sealed: Pick<StoredSecret, "ciphertext" | "nonce">): StoredSecret => ({
  name,
  ...sealed,
  created_at: "",
  updated_at: "",
});

it("opens its own secret, under the same name only", () => {
  const sealed = key.seal("api-key", "Grüße\n");
  expect(key.open("api-key", stored("api-key", sealed))).toBe("Grüße\n");
  expect(() => key.open("other", stored("other", sealed))).toThrow(/SECRET_UNREADABLE|cannot be read/);
  const other = parseSecretsKey(generateSecretsKey());
  expect(() => other?.open("api-key", stored("api-key", sealed))).toThrow(/cannot be read/);
});

it("never seals twice alike", () => {
  expect(key.seal("a", "x")).not.toEqual(key.seal("a", "x"));
});

/** As another program does it. */
function sealByOther(name: string, value: Uint8Array): StoredSecret {
  const nonce = Buffer.alloc(12, 1);
  const cipher = createCipheriv("aes-256-gcm", Buffer.alloc(32, 7), nonce).setAAD(Buffer.from(name));
  const ciphertext = Buffer.concat([cipher.update(value), cipher.final(), cipher.getAuthTag()]);
  return stored(name, { ciphertext: ciphertext.toString("base64"), nonce: nonce.toString("base64") });
}

it("opens secrets of other programs in the same form", () => {
  expect(key.open("theirs", sealByOther("theirs", Buffer.from("\ufeffvalue")))).toBe("\ufeffvalue");
});

it("refuses a value that is no text, instead of damaging it", () => {
  const sealed = sealByOther("binary", Buffer.from([0x62, 0xff, 0xfe]));
  expect(() => key.open("binary", sealed)).toThrow(/cannot be read/);
});

it("refuses damaged secrets", () => {
  const sealed = key.seal("a", "x");
  for (const damaged of [{ ciphertext: "" }, { nonce: "" }, { ciphertext: "AAAA" }]) {
    expect(() => key.open("a", stored("a", { ...sealed, ...damaged }))).toThrow(/cannot be read/);
  }
});

it("reads 32 bytes of base64 as a key, and no inspection shows it", () => {
  expect(parseSecretsKey(` ${text}\n`)).toBeDefined();
  expect(["", "short", Buffer.alloc(31).toString("base64"), "x".repeat(44)].map(parseSecretsKey)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect(`${inspect(key, { depth: 9, showHidden: true })}${JSON.stringify(key)}`).not.toContain("7, 7");
});
