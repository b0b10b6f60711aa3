/**
 * The certificates of a QUIC server: an authority of its own, whose certificate clients are given, and a server's certificate
 * under it that is made anew before it runs out. `authority.pem` is for clients.
 *
 * I1  Private keys stay in files that only their user can read.
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { makeOwnFolder, writeWholeSync } from "../../machine/index.ts";

export interface ServerCertificate {
  /** PEM: the server's certificate, and the authority's. */
  cert: string;
  /** PEM. */
  key: string;
  /** PEM: clients trust it. */
  ca: string;
  /** SHA-256 of the server's certificate, hex: clients may pin it. */
  fingerprint: string;
  expiresAtMs: number;
}

const DAY_MS = 24 * 3_600_000;
const AUTHORITY_DAYS = 3_650;
const SERVER_DAYS = 90;
/** A certificate is made anew so long before its end. */
export const RENEW_BEFORE_MS = 30 * DAY_MS;
/** Clocks of clients may be behind. */
const SKEW_MS = DAY_MS;

export interface CertificateOptions {
  /** The folder of the keys; it is made with the mode 0700. */
  folder: string;
  /** Names and addresses that clients use. */
  names: readonly string[];
  now?: number;
}

type X509 = typeof import("@peculiar/x509");

interface Pair {
  cert: string;
  key: string;
}

/** The certificate in a folder; it is made where there is none, where it ends soon, and where it lacks a name. */
export async function serverCertificate({
  folder,
  names,
  now = Date.now(),
}: CertificateOptions): Promise<ServerCertificate> {
  await makeOwnFolder(folder);
  const isFresh = ({ cert }: Pair) => endOf(cert) - now > RENEW_BEFORE_MS;
  const authority = await keep(join(folder, "authority.json"), isFresh, () => makeAuthority(now));
  writeWholeSync(join(folder, "authority.pem"), authority.cert, 0o600);
  const isFit = (pair: Pair) =>
    isFresh(pair) && hasNames(pair.cert, names) && isSignedBy(pair.cert, authority.cert);
  const server = await keep(join(folder, "server.json"), isFit, () => makeServer(authority, names, now));
  return {
    cert: `${server.cert}\n${authority.cert}\n`,
    key: server.key,
    ca: authority.cert,
    fingerprint: fingerprintOf(server.cert),
    expiresAtMs: endOf(server.cert),
  };
}

async function keep(path: string, isFit: (pair: Pair) => boolean, make: () => Promise<Pair>): Promise<Pair> {
  const kept = await readFile(path, "utf8").then(
    (text) => JSON.parse(text) as Pair,
    () => undefined,
  );
  if (kept !== undefined && isFit(kept)) return kept;
  const made = await make();
  writeWholeSync(path, JSON.stringify(made), 0o600);
  return made;
}

const endOf = (cert: string) => new X509Certificate(cert).validToDate.getTime();
const fingerprintOf = (cert: string) =>
  new X509Certificate(cert).fingerprint256.replaceAll(":", "").toLowerCase();

function hasNames(cert: string, names: readonly string[]): boolean {
  const known = new X509Certificate(cert);
  return names.every((name) => (isAddress(name) ? known.checkIP(name) : known.checkHost(name)) !== undefined);
}

const isSignedBy = (cert: string, authority: string) =>
  new X509Certificate(cert).verify(new X509Certificate(authority).publicKey);

const isAddress = (name: string) => /^[\d.]+$|:/.test(name);

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function makeAuthority(now: number): Promise<Pair> {
  const x509 = await loadX509();
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(now, AUTHORITY_DAYS),
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

async function makeServer(authority: Pair, names: readonly string[], now: number): Promise<Pair> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.cert);
  const signingKey = await crypto.subtle.importKey("pkcs8", derOf(authority.key), ALGORITHM, false, ["sign"]);
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(now, SERVER_DAYS),
    serialNumber: serialNumber(),
    subject: "CN=narun",
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
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
