/**
 * The certificates of a QUIC server: an authority of its own, whose certificate clients are given, and a server's certificate
 * under it that is made anew before it runs out. `authority.pem` is for clients.
 *
 * I1  Private keys stay in files that only their user can read.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CertificatePair,
  certificateHasNames,
  endOfCertificate,
  fingerprintOfCertificate,
  isCertificateOf,
  makeAuthority,
  makeCertificate,
  makeOwnFolder,
  writeWholeSync,
} from "../../machine/index.ts";

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

export interface CertificateOptions {
  /** The folder of the keys; it is made with the mode 0700. */
  folder: string;
  /** Names and addresses that clients use. */
  names: readonly string[];
  now?: number;
}

/** The certificate in a folder; it is made where there is none, where it ends soon, and where it lacks a name. */
export async function serverCertificate({
  folder,
  names,
  now = Date.now(),
}: CertificateOptions): Promise<ServerCertificate> {
  await makeOwnFolder(folder);
  const isFresh = ({ cert }: CertificatePair) => endOfCertificate(cert) - now > RENEW_BEFORE_MS;
  const authority = await keep(join(folder, "authority.json"), isFresh, () =>
    makeAuthority({ days: AUTHORITY_DAYS, now }),
  );
  writeWholeSync(join(folder, "authority.pem"), authority.cert, 0o600);
  const isFit = (pair: CertificatePair) =>
    isFresh(pair) && certificateHasNames(pair.cert, names) && isCertificateOf(pair.cert, authority.cert);
  const server = await keep(join(folder, "server.json"), isFit, () =>
    makeCertificate(authority, { names, days: SERVER_DAYS, now }),
  );
  return {
    cert: `${server.cert}\n${authority.cert}\n`,
    key: server.key,
    ca: authority.cert,
    fingerprint: fingerprintOfCertificate(server.cert),
    expiresAtMs: endOfCertificate(server.cert),
  };
}

async function keep(
  path: string,
  isFit: (pair: CertificatePair) => boolean,
  make: () => Promise<CertificatePair>,
): Promise<CertificatePair> {
  const kept = await readFile(path, "utf8").then(
    (text) => JSON.parse(text) as CertificatePair,
    () => undefined,
  );
  if (kept !== undefined && isFit(kept)) return kept;
  const made = await make();
  writeWholeSync(path, JSON.stringify(made), 0o600);
  return made;
}
