/** Options of the network that `narun up` begins, or becomes a part of. */
import { isIP } from "node:net";
import { asText, value } from "./option.ts";
import { parseAddress } from "./values.ts";

export const networkOptions = {
  listen: value({
    flag: "--listen <host>",
    help: "where the embedded nats-server takes other machines; off loopback it has logins and TLS",
    fallback: "127.0.0.1",
    parse: asText,
  }),
  cluster: value({
    flag: "--cluster <address>",
    help: "HOST:PORT for the nats-servers of nodes that join (`narun token create`)",
    fallbackHelp: "none: this node stays alone",
    parse: parseAddress,
  }),
};

/** Whether only this machine reaches an address. */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (plain === "localhost" || plain === "::1") return true;
  return isIP(plain) === 4 && plain.startsWith("127.");
}
