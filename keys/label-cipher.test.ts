import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { createLabelCipher, parseCompact } from "./label-cipher.ts";

const key = randomBytes(32);
const partsOf = (sealed: string) => sealed.split(".");

it("uses a content key for a bounded number of messages, and no nonce twice", () => {
  const cipher = createLabelCipher(key);
  const sealed = Array.from({ length: 1_001 }, () => partsOf(cipher.seal("x", { kid: "payments.1" })));
  const keys = sealed.map(([, wrapped]) => wrapped);
  expect(new Set(keys.slice(0, 1_000)).size).toBe(1);
  expect(keys[1_000]).not.toBe(keys[0]);
  expect(new Set(sealed.map(([, , nonce]) => nonce)).size).toBe(1_001);
});

it("shares no content key with another key, or with another cipher of the same key", () => {
  const ciphers = [createLabelCipher(key), createLabelCipher(key), createLabelCipher(randomBytes(32))];
  const keys = ciphers.map((cipher) => partsOf(cipher.seal("x", { kid: "payments.1" }))[1]);
  expect(new Set(keys).size).toBe(3);
});

it("opens no message with the content key of another one, also where it has opened both", () => {
  const [one, two] = [createLabelCipher(key), createLabelCipher(key)];
  const [a, b] = [one.seal("a", { kid: "k.1" }), two.seal("b", { kid: "k.1" })];
  const reader = createLabelCipher(key);
  const open = (text: string) => {
    const compact = parseCompact(text);
    if (compact === undefined) throw new Error("no compact form");
    return Buffer.from(reader.open(compact).bytes).toString();
  };
  expect([open(a), open(b), open(a)]).toEqual(["a", "b", "a"]);
  const swapped = partsOf(a).with(1, partsOf(b)[1] ?? "");
  expect(() => open(swapped.join("."))).toThrow();
});
