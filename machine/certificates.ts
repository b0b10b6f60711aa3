/**
 * Certificates of an authority of one's own: X.509 (RFC 5280) with ECDSA over P-256. The library is loaded where one is made.
 *
 * I1  Private keys are texts here. Their users keep them in files that only their own user can read.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";

type X509 = typeof import("@peculiar/x509");

/** PEM. */
export interface CertificatePair {
  cert: string;
  key: string;
}

const DAY_MS = 24 * 3_600_000;
/** Clocks of others may be behind. */
const SKEW_MS = DAY_MS;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

export const endOfCertificate = (cert: string) => new X509Certificate(cert).validToDate.getTime();
/** SHA-256, hex. */
export const fingerprintOfCertificate = (cert: string) =>
  new X509Certificate(cert).fingerprint256.replaceAll(":", "").toLowerCase();

export function certificateHasNames(cert: string, names: readonly string[]): boolean {
  const known = new X509Certificate(cert);
  return names.every((name) => (isAddress(name) ? known.checkIP(name) : known.checkHost(name)) !== undefined);
}

export const isCertificateOf = (cert: string, authority: string) =>
  new X509Certificate(cert).verify(new X509Certificate(authority).publicKey);

/** Whether a private key is that of a certificate. Throws where either text is none. */
export const isKeyOf = (key: string, cert: string) =>
  new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));

const isAddress = (name: string) => /^[\d.]+$|:/.test(name);

/** An authority, self-signed. */
export async function makeAuthority({ days, now }: { days: number; now: number }): Promise<CertificatePair> {
  const x509 = await loadX509();
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(now, days),
    serialNumber: serialNumber(),
    name: "CN=narun",
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: certificate.toString("pem"), key: await pemOf(keys.privateKey) };
}

export interface CertificateRequest {
  /** Names and addresses. */
  names: readonly string[];
  days: number;
  now: number;
  /** It may log in as a client, too, as servers do among themselves. Default: a server's alone. */
  isClient?: boolean;
}

/** A certificate under an authority, with a new key. */
export async function makeCertificate(
  authority: CertificatePair,
  { names, days, now, isClient = false }: CertificateRequest,
): Promise<CertificatePair> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.cert);
  const signingKey = await crypto.subtle.importKey("pkcs8", derOf(authority.key), ALGORITHM, false, ["sign"]);
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(now, days),
    serialNumber: serialNumber(),
    // The name differs from the authority's: else the certificate counts as self-signed.
    subject: "CN=narun server",
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(isClient ? [serverAuth, clientAuth] : [serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isAddress(value) ? "ip" : "dns", value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { cert: certificate.toString("pem"), key: await pemOf(keys.privateKey) };
}

/** Its container of classes needs the metadata of `Reflect` first. */
async function loadX509(): Promise<X509> {
  await import("reflect-metadata");
  const loaded: X509 & { default?: X509 } = await import("@peculiar/x509");
  // In narun's built files the names of a CommonJS package are under `default` alone.
  return loaded.default ?? loaded;
}

const validity = (now: number, days: number) => ({
  notBefore: new Date(now - SKEW_MS),
  notAfter: new Date(now + days * DAY_MS),
});

/** Positive, as RFC 5280 (4.1.2.2) wants it. */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

async function pemOf(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/(.{64})/g, "$1\n")}\n-----END PRIVATE KEY-----\n`;
}

const derOf = (pem: string) => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
