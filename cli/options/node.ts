/** Options of the node-runner, alone or in a world. */
import os from "node:os";
import { type Ceiling, NAME_PATTERN, parseCeiling } from "../../contracts/index.ts";
import type { SandboxChoice } from "../../runtime/index.ts";
import { asText, type GivenText, list, type Source, toggle, value } from "./option.ts";
import {
  oneOf,
  parseAddress,
  parseDuration,
  parseEgressDeny,
  parsePairs,
  wrongUse,
  wrongValue,
} from "./values.ts";

const SANDBOXES = ["auto", "bubblewrap", "none"] as const satisfies readonly SandboxChoice[];

/** Lower bound of `--host-memory-mb`. */
const MIN_HOST_MEMORY_MB = 64;

/** The options that bound functions and hosts on a node. */
export const nodeBounds = {
  ceiling: list({
    flag: "--ceiling <limit=value>",
    variables: ["NARUN_CEILING"],
    help: "upper bound of a function's limit, like memoryMb=256; may be given more than once",
    parse: parseCeilings,
  }),
  sandbox: value({
    flag: "--sandbox <choice>",
    variables: ["NARUN_SANDBOX"],
    help: "what host processes run in besides Node's permission model: auto, bubblewrap, none",
    fallback: "auto",
    parse: oneOf(SANDBOXES),
  }),
  hostMemoryMb: value({
    flag: "--host-memory-mb <size>",
    help: "memory that a host process may hold in addition to its functions' memory, MB; above it the process is replaced",
    fallbackHelp: "1024",
    parse: parseMemory,
  }),
};

export const egressDeny = list({
  flag: "--egress-deny <rule>",
  variables: ["NARUN_EGRESS_DENY"],
  help: "an address, network or name that no function may reach; may be given more than once",
  parse: parseEgressDeny,
});

export const nodeName = value({
  flag: "--name <name>",
  help: "the node's name, unique in the system",
  fallbackHelp: "this machine's",
  parse: parseName,
});

export const label = list({
  flag: "--label <key=value>",
  help: "a label; may be given more than once",
  parse: parsePairs,
});

/** A preferred port: other runners of the machine take free ones. */
export const nodeMetrics = value({
  flag: "--metrics <address>",
  help: "HOST:PORT for metrics and the discovery of programs' metrics",
  fallback: "127.0.0.1:9100",
  parse: (given) => ({ ...parseAddress(given), isPreferred: given.source.kind === "default" }),
});

/** Options of the logins that a node makes for its hosts. */
export const hostLogins = {
  hostsKey: value({
    flag: "--hosts-key <file>",
    help: "the key of hosts' logins, as `narun up` and `narun token create --role host` write it; each host process then gets a login for its own functions",
    fallbackHelp: "hosts log in as their node",
    parse: asText,
  }),
  hostLogin: value({
    flag: "--host-login <duration>",
    help: "how long such a login lasts; it is renewed before",
    fallback: "1h",
    parse: parseDuration,
  }),
};

/** Options for `narun dev`, which starts its node with them. */
export const devNode = {
  closeReplacedSockets: toggle({ flag: "--close-replaced-sockets", help: "", isHidden: true }),
  inspect: value({ flag: "--inspect <address>", help: "", isHidden: true, parse: parseAddress }),
  inspectFolder: list({ flag: "--inspect-folder <name=dir>", help: "", isHidden: true, parse: parsePairs }),
};

/** The name of a node on this machine that was given none. Error: USAGE, where the machine's name has no usable character. */
export function machineName(): string {
  const text = os
    .hostname()
    .replace(/[^A-Za-z0-9_-]/g, "-")
    .slice(0, 63);
  return parseName({ text, source: { kind: "default", name: "--name" } });
}

function parseName(given: GivenText): string {
  if (NAME_PATTERN.test(given.text)) return given.text;
  throw wrongValue(given, "1 to 63 characters out of A-Z, a-z, 0-9, _ and -");
}

function parseCeilings(texts: readonly string[], { name }: Source): Ceiling {
  return Object.fromEntries(
    texts.map((text) => {
      const parsed = parseCeiling(text);
      if (typeof parsed === "string") throw wrongUse(`${name}: ${parsed}`);
      return [parsed.key, parsed.value];
    }),
  );
}

function parseMemory(given: GivenText): number {
  const size = /^\d{1,7}$/.test(given.text) ? Number(given.text) : 0;
  if (size >= MIN_HOST_MEMORY_MB) return size;
  throw wrongValue(given, `a number of MB from ${MIN_HOST_MEMORY_MB} on`);
}
