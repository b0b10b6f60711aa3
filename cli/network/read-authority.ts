import { createHash } from "node:crypto";
import { connect } from "node:net";
import { type DetailedPeerCertificate, connect as secure } from "node:tls";
import { messageOf, NarunError } from "../../contracts/index.ts";

const TIMEOUT_MS = 10_000;

/**
 * The certificate of the authority that a NATS server shows, in PEM, where it has the fingerprint. Nothing is sent to the server
 * before that. Errors: NATS_UNREACHABLE, JOIN_TOKEN_FOREIGN.
 */
export async function readAuthority(host: string, port: number, fingerprint: string): Promise<string> {
  const chain = await readChain(host, port).catch((error: unknown) => {
    throw new NarunError(
      "NATS_UNREACHABLE",
      { detail: `${host}:${port}: ${messageOf(error)}` },
      { cause: error },
    );
  });
  const found = chain.find((raw) => createHash("sha256").update(raw).digest("hex") === fingerprint);
  if (found !== undefined) return pemOf(found);
  throw new NarunError("JOIN_TOKEN_FOREIGN", {
    detail: `the server at ${host}:${port} does not show the authority that the token names`,
  });
}

/** The certificates that the server shows, DER. A NATS server greets in clear before it speaks TLS. */
function readChain(host: string, port: number): Promise<Buffer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer[]>();
  const socket = connect({ host, port });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error("no answer")));
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("the server closed the connection")));
  socket.once("data", () => {
    // It is checked by its fingerprint (readAuthority), and the connection carries nothing.
    const encrypted = secure({ socket, rejectUnauthorized: false });
    encrypted.once("error", reject);
    encrypted.once("secureConnect", () => {
      resolve(chainOf(encrypted.getPeerCertificate(true)));
      encrypted.destroy();
    });
  });
  return promise.finally(() => socket.destroy());
}

function chainOf(leaf: DetailedPeerCertificate): Buffer[] {
  const chain: Buffer[] = [];
  for (
    let one: DetailedPeerCertificate | undefined = leaf;
    one?.raw !== undefined;
    one = one.issuerCertificate
  ) {
    if (chain.some((known) => known.equals(one?.raw ?? known))) break;
    chain.push(one.raw);
  }
  return chain;
}

function pemOf(der: Buffer): string {
  const lines = der
    .toString("base64")
    .replaceAll(/(.{64})/g, "$1\n")
    .trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
