import { once } from "node:events";
import { connect } from "node:net";
import { connect as secure } from "node:tls";

/** The fingerprint of the certificate that a nats-server shows. It greets in clear before. */
export async function shownCertificate({ host, port }: { host: string; port: number }): Promise<string> {
  const socket = connect({ host, port });
  await once(socket, "data");
  const encrypted = secure({ socket, rejectUnauthorized: false });
  await once(encrypted, "secureConnect");
  const { fingerprint256 } = encrypted.getPeerCertificate();
  encrypted.destroy();
  return fingerprint256;
}
