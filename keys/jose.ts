/**
 * JOSE (RFC 7515, 7516, 7517, 7638, 8037) by `jose`, which is loaded when it is needed for the first time. JWEs under a label's key
 * are the exception (label-cipher.ts): Node's ciphers take a twentieth of the time.
 *
 * I1  Algorithms are named here, never taken from a message: a message with others does not open.
 */
import type { GeneralJWE, JWK } from "jose";
import type { PublicKey } from "../contracts/index.ts";
import type { Opened, SealFields } from "./label-cipher.ts";

const ENCRYPTION = "A256GCM";
/** Wraps a label's key for one recipient. */
const FOR = "ECDH-ES+A256KW";
const SIGNATURE = "EdDSA";
const UNDER_PASSPHRASE = "PBES2-HS512+A256KW";
/** Iterations of PBKDF2, as OWASP asks for HMAC-SHA-512. */
const ITERATIONS = 210_000;

/** A key pair as its file has it: a private JWK. */
export type PrivateKey = JWK & { kty: "OKP"; crv: "X25519" | "Ed25519"; x: string; d: string };

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
