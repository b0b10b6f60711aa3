/** Values of other implementations open here, and values of narun open there. */
import { spawnSync } from "node:child_process";
import { createDecipheriv } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import {
  fingerprintOf,
  generatePair,
  openFor,
  type PrivateKey,
  publicHalf,
  sealFor,
  sign,
  verify,
} from "./jose.ts";
import { createLabelCipher, parseCompact } from "./label-cipher.ts";
import { digestOfPlace, PLACE } from "./place.ts";

const other = JSON.parse(readFileSync(new URL("./testing/other-library.json", import.meta.url), "utf8"));
const labelKey = Buffer.from(other.labelKey, "base64url");
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

it("opens what another library sealed", async () => {
  const compact = parseCompact(other.compact);
  if (compact === undefined) throw new Error("it has another form");
  const { bytes, fields } = createLabelCipher(labelKey).open(compact);
  expect(text(bytes)).toBe("sealed by another library");
  expect(fields[PLACE]).toBe(digestOfPlace(["kv", "customers", "42"]));
  for (const recipient of other.recipients as PrivateKey[])
    expect(text((await openFor(recipient, other.general)).bytes)).toBe("for two recipients");
  const stranger = await generatePair("X25519");
  await expect(openFor(stranger, other.general)).rejects.toThrow();
  const { bytes: signed, signer } = await verify(other.signed, "narun-directory");
  expect({ signed: text(signed), signer }).toEqual({ signed: '{"a":1}', signer: other.signer });
  await expect(verify(other.signed.replace(/\.[^.]{4}/, ".AAAA"), "narun-directory")).rejects.toThrow();
  await expect(verify(other.signed, "another-type")).rejects.toThrow();
});

it("has the fingerprint of RFC 8037, A.3", async () => {
  const key = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
  expect(await fingerprintOf(key)).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
});

/** A JWE in compact form, opened step by step as RFC 7516 and RFC 7518 tell it, by Node's own ciphers. */
function openByHand(sealed: string, key: Buffer): string {
  const parts = sealed.split(".");
  const [wrapped, iv, content, tag] = parts.slice(1).map((part) => Buffer.from(part, "base64url"));
  if (wrapped === undefined || iv === undefined || content === undefined || tag === undefined)
    throw new Error("it has no five parts");
  const unwrap = createDecipheriv("id-aes256-wrap", key, Buffer.from("a6a6a6a6a6a6a6a6", "hex"));
  const contentKey = Buffer.concat([unwrap.update(wrapped), unwrap.final()]);
  const cipher = createDecipheriv("aes-256-gcm", contentKey, iv).setAuthTag(tag);
  cipher.setAAD(Buffer.from(parts[0] ?? "", "latin1"));
  return text(Buffer.concat([cipher.update(content), cipher.final()]));
}

it("seals in the form of the standards", async () => {
  const cipher = createLabelCipher(labelKey);
  for (const content of [Buffer.from("Grüße"), "Grüße"])
    expect(openByHand(cipher.seal(content, { kid: "payments.1" }), labelKey)).toBe("Grüße");
  expect(openByHand(other.compact, labelKey)).toBe("sealed by another library");
});

it("seals for another library", async (context) => {
  const [signer, a, b] = [
    await generatePair("Ed25519"),
    await generatePair("X25519"),
    await generatePair("X25519"),
  ];
  const holders = await Promise.all(
    [a, b].map(async (pair) => ({ kid: await fingerprintOf(pair), key: publicHalf(pair) })),
  );
  const given = {
    labelKey: other.labelKey,
    compact: [createLabelCipher(labelKey).seal("Grüße", { kid: "payments.1" })],
    recipient: b,
    general: await sealFor(holders, Buffer.from("for b too"), { [PLACE]: "x" }),
    signer: { kty: "OKP", crv: "Ed25519", x: signer.x },
    signed: await sign(signer, Buffer.from("signed"), "narun-directory"),
  };
  const script = fileURLToPath(new URL("./testing/open.py", import.meta.url));
  const run = spawnSync("python3", [script], { input: JSON.stringify(given), encoding: "utf8" });
  // Machines without the other library have the test above, which needs none.
  if (run.error !== undefined || run.status === 3) return context.skip();
  expect({ status: run.status, errors: run.stderr }).toEqual({ status: 0, errors: "" });
  expect(JSON.parse(run.stdout)).toEqual(["Grüße", "for b too", "signed"]);
});
