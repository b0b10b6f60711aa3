/**
 * The one place of cryptography: JOSE (RFC 7515, 7516, 7517, 7638, 8037) by `jose`, which is loaded when it is needed for the first
 * time. Values under a label's key are the exception: their JWEs are written here by Node's ciphers, which take a tenth of the time.
 *
 * I1  Algorithms are named here, never taken from a message: a message with others does not open.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import type { GeneralJWE, JWK } from "jose";
import type { PublicKey } from "../contracts/index.ts";

const ENCRYPTION = "A256GCM";
/** Wraps the key of one message under a label's key. */
const UNDER = "A256KW";
/** Wraps a label's key for one recipient. */
const FOR = "ECDH-ES+A256KW";
const SIGNATURE = "EdDSA";
const UNDER_PASSPHRASE = "PBES2-HS512+A256KW";
/** Iterations of PBKDF2, as OWASP asks for HMAC-SHA-512. */
const ITERATIONS = 210_000;

/** More fields of a protected header, which is authenticated with the content. */
export type SealFields = Readonly<Record<string, string | number | boolean>>;

/** A key pair as its file has it: a private JWK. */
export type PrivateKey = JWK & { kty: "OKP"; crv: "X25519" | "Ed25519"; x: string; d: string };

export interface Opened {
  bytes: Uint8Array;
  fields: Readonly<Record<string, unknown>>;
}

let loading: Promise<typeof import("jose")> | undefined;

function jose(): Promise<typeof import("jose")> {
  loading ??= import("jose");
  return loading;
}

/** A new key pair: for sealing (X25519) or for signing (Ed25519). */
export async function generatePair(curve: PrivateKey["crv"]): Promise<PrivateKey> {
  const { generateKeyPair, exportJWK } = await jose();
  const algorithm = curve === "X25519" ? FOR : SIGNATURE;
  const { privateKey } = await generateKeyPair(algorithm, { crv: curve, extractable: true });
  const { x, d } = await exportJWK(privateKey);
  if (x === undefined || d === undefined) throw new TypeError("the library made no key pair");
  return { kty: "OKP", crv: curve, x, d };
}

export function publicHalf({ x }: PrivateKey): PublicKey {
  return { kty: "OKP", crv: "X25519", x };
}

/** RFC 7638 with SHA-256, in base64url. */
export async function fingerprintOf({
  kty,
  crv,
  x,
}: {
  kty: string;
  crv: string;
  x: string;
}): Promise<string> {
  const { calculateJwkThumbprint } = await jose();
  return calculateJwkThumbprint({ kty, crv, x });
}

/** A key that seals and opens: the 32 bytes of a label's key. */
export async function importLabelKey(bytes: Uint8Array<ArrayBuffer>): Promise<KeyObject> {
  return createSecretKey(bytes);
}

/** Seals under a label's key: a JWE in compact form. */
export async function sealUnder(key: KeyObject, bytes: Uint8Array, fields: SealFields): Promise<string> {
  const contentKey = randomBytes(KEY_BYTES);
  const iv = randomBytes(IV_BYTES);
  const header = Buffer.from(JSON.stringify({ alg: UNDER, enc: ENCRYPTION, ...fields })).toString(
    "base64url",
  );
  const wrap = createCipheriv(WRAP_CIPHER, key, WRAP_IV);
  const wrapped = Buffer.concat([wrap.update(contentKey), wrap.final()]);
  const cipher = createCipheriv(CIPHER, contentKey, iv).setAAD(Buffer.from(header, "latin1"));
  const content = Buffer.concat([cipher.update(bytes), cipher.final()]);
  const parts = [wrapped, iv, content, cipher.getAuthTag()].map((part) => part.toString("base64url"));
  return [header, ...parts].join(".");
}

/** Opens a JWE in compact form. Rejects where it was changed, or is another key's. */
export async function openUnder(key: KeyObject, sealed: string): Promise<Opened> {
  const [header = "", ...parts] = sealed.split(".");
  const fields = JSON.parse(Buffer.from(header, "base64url").toString()) as Record<string, unknown>;
  const isKnown = fields.alg === UNDER && fields.enc === ENCRYPTION;
  // Extensions that have to be understood, and compression, are none of this form.
  if (!isKnown || "crit" in fields || "zip" in fields || parts.length !== 4)
    throw new TypeError("it has another form");
  const [wrapped, iv, content, tag] = parts.map((part) => {
    const bytes = Buffer.from(part, "base64url");
    if (bytes.toString("base64url") !== part) throw new TypeError("it is not in base64url");
    return bytes;
  }) as [Buffer, Buffer, Buffer, Buffer];
  if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) throw new TypeError("it has another form");
  const unwrap = createDecipheriv(WRAP_CIPHER, key, WRAP_IV);
  const contentKey = Buffer.concat([unwrap.update(wrapped), unwrap.final()]);
  const cipher = createDecipheriv(CIPHER, contentKey, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(header, "latin1")).setAuthTag(tag);
  return { bytes: new Uint8Array(Buffer.concat([cipher.update(content), cipher.final()])), fields };
}

/** A256KW (RFC 3394, with its initial value) and A256GCM (RFC 7518, section 5.3), as Node's ciphers name them. */
const WRAP_CIPHER = "id-aes256-wrap";
const WRAP_IV = Buffer.from("a6a6a6a6a6a6a6a6", "hex");
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** The protected header of a JWE in compact form, unverified. Undefined for anything else. */
export async function headerOf(sealed: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { decodeProtectedHeader } = await jose();
  try {
    return decodeProtectedHeader(sealed);
  } catch {
    return undefined;
  }
}

/** Seals for several recipients: a JWE in general JSON form. Each finds its part by its key id. */
export async function sealFor(
  recipients: readonly { kid: string; key: PublicKey }[],
  bytes: Uint8Array,
  fields: SealFields,
): Promise<GeneralJWE> {
  const { GeneralEncrypt, importJWK } = await jose();
  const encrypt = new GeneralEncrypt(bytes).setProtectedHeader({ enc: ENCRYPTION, ...fields });
  for (const { kid, key } of recipients)
    encrypt.addRecipient(await importJWK({ ...key }, FOR)).setUnprotectedHeader({ alg: FOR, kid });
  return encrypt.encrypt();
}

/** Opens a JWE for several recipients with the key of one. Rejects for another key, or a changed text. */
export async function openFor(key: PrivateKey, sealed: GeneralJWE): Promise<Opened> {
  const { generalDecrypt, importJWK } = await jose();
  const kid = await fingerprintOf(key);
  // The library would try every recipient.
  const own = sealed.recipients.filter(({ header }) => header?.kid === kid);
  const { plaintext, protectedHeader = {} } = await generalDecrypt(
    { ...sealed, recipients: own },
    await importJWK(key, FOR),
    { keyManagementAlgorithms: [FOR], contentEncryptionAlgorithms: [ENCRYPTION] },
  );
  return { bytes: plaintext, fields: protectedHeader };
}

/** Signs: a JWS in compact form. */
export async function sign(key: PrivateKey, bytes: Uint8Array, type: string): Promise<string> {
  const { CompactSign, importJWK } = await jose();
  const kid = await fingerprintOf(key);
  return new CompactSign(bytes)
    .setProtectedHeader({ alg: SIGNATURE, kid, typ: type, jwk: { kty: "OKP", crv: "Ed25519", x: key.x } })
    .sign(await importJWK(key, SIGNATURE));
}

/** The content of a JWS, and the fingerprint of the key that signed it, which the text itself brings. Rejects where it is forged. */
export async function verify(signed: string, type: string): Promise<{ bytes: Uint8Array; signer: string }> {
  const { compactVerify, EmbeddedJWK } = await jose();
  const { payload, protectedHeader } = await compactVerify(signed, EmbeddedJWK, { algorithms: [SIGNATURE] });
  const { jwk, typ } = protectedHeader;
  if (typ !== type || jwk?.kty !== "OKP" || jwk.crv !== "Ed25519" || typeof jwk.x !== "string")
    throw new TypeError(`it is no ${type}`);
  return { bytes: payload, signer: await fingerprintOf({ kty: jwk.kty, crv: jwk.crv, x: jwk.x }) };
}

/** Seals under a passphrase: a JWE in compact form. */
export async function sealUnderPassphrase(passphrase: string, bytes: Uint8Array): Promise<string> {
  const { CompactEncrypt } = await jose();
  return new CompactEncrypt(bytes)
    .setProtectedHeader({ alg: UNDER_PASSPHRASE, enc: ENCRYPTION })
    .setKeyManagementParameters({ p2c: ITERATIONS })
    .encrypt(Buffer.from(passphrase));
}

/** Rejects where the passphrase is another one, or the text was changed. */
export async function openUnderPassphrase(passphrase: string, sealed: string): Promise<Uint8Array> {
  const { compactDecrypt } = await jose();
  const { plaintext } = await compactDecrypt(sealed, Buffer.from(passphrase), {
    keyManagementAlgorithms: [UNDER_PASSPHRASE],
    maxPBES2Count: ITERATIONS,
  });
  return plaintext;
}
