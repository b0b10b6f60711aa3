import type { ErrorEntry } from "./error-entry.ts";

/** Errors of networks: their nodes, and the tokens with which nodes join. */
export const identityErrors = {
  JOIN_TOKEN_INVALID: {
    title: "The text is no token with which a node joins",
    solve: "Copy the whole line that `narun token create` printed: TOKEN@HOST:PORT.",
  },
  JOIN_TOKEN_EXPIRED: {
    title: "The token has expired",
    solve:
      "`narun token create` on a node of the network makes another; `--ttl` says how long it is good. Compare the clocks of both machines, too.",
  },
  JOIN_TOKEN_USED: {
    title: "Another node has joined with this token",
    solve: "Each token is for one node: `narun token create` makes another.",
  },
  JOIN_TOKEN_FOREIGN: {
    title: "The token is of another network",
    solve: "Make the token on a node of the network whose address stands behind the @.",
  },
  JOIN_REFUSED: {
    title: "The network let the node not join",
    solve: "Correct what the detail names; nodes join those that were started with `--cluster`.",
  },
  NETWORK_DATA_IN_USE: {
    title: "The data folder belongs to another network, or to a nats-server that was alone",
    solve:
      "Choose an empty --data-dir: a server that was alone would lose its streams in a cluster. `nats stream backup` and `restore` take them along.",
  },
  NETWORK_DAMAGED: {
    title: "The identity of the network in the data folder is not whole",
    solve:
      "Restore the folder `network/` of the data folder from a backup; or take an empty --data-dir, and join again with a token of another node (`narun token create`).",
  },
  TENANT_INVALID: {
    title: "The file is not that of a tenant, or not a whole one",
    solve:
      "Take the file that `narun tenant add NAME` wrote on a node of the network; `narun tenant export NAME` writes it again.",
  },
  TENANT_EXISTS: {
    title: "The network has a tenant of this name",
    solve: "Choose another name; `narun tenant ls` lists them.",
  },
  TENANT_UNKNOWN: {
    title: "The network has no tenant of this name",
    solve: "`narun tenant ls` lists them.",
  },
  NETWORK_MISSING: {
    title: "The data folder has no network",
    solve: "Name the folder of a `narun up` that runs with --listen or --cluster (`--data-dir`).",
  },
} as const satisfies Record<string, ErrorEntry>;
