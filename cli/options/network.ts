/** Options of the network that `narun up` begins, or becomes a part of. */
import { isIP } from "node:net";
import type { JoinTarget } from "../network/join.ts";
import { asText, type GivenText, value } from "./option.ts";
import { parseAddress, wrongUse } from "./values.ts";

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
  join: value({
    flag: "--join <token@address>",
    variables: ["NARUN_JOIN"],
    help: "become a node of a network: a token of `narun token create`, and HOST:PORT of the nats-server of any of its nodes",
    show: () => "(hidden)",
    parse: parseTarget,
  }),
  tenant: value({
    flag: "--tenant <file>",
    help: "serve a tenant of a network: the file of `narun tenant add`. A data folder keeps it",
    fallbackHelp: "that of the data folder",
    parse: asText,
  }),
};

function parseTarget(given: GivenText): JoinTarget {
  const at = given.text.lastIndexOf("@");
  const address = given.text.slice(at + 1);
  // The token is a secret: it stays out of the error.
  if (at < 1) throw wrongUse(`${given.source.name} is TOKEN@HOST:PORT`);
  const text = /:\d+$/.test(address) ? address : `${address}:${NATS_PORT}`;
  return { token: given.text.slice(0, at), ...parseAddress({ ...given, text }) };
}

const NATS_PORT = 4222;

/** Default port of `--cluster` for a node that joins. */
export const CLUSTER_PORT = 6222;

/** Whether only this machine reaches an address. */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (plain === "localhost" || plain === "::1") return true;
  return isIP(plain) === 4 && plain.startsWith("127.");
}
