/**
 * Ports for processes that are killed and started again on their port. The system gives its own range of ports away: a port of it
 * that is free for a moment may go to another process, and the killed one cannot come back. These are below that range.
 */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";

/** Below are ports of well-known services. */
const FIRST = 10_000;
/** The first port that Linux gives away by default; other systems begin higher. */
const USUAL_END = 32_768;
const RANGE_FILE = "/proc/sys/net/ipv4/ip_local_port_range";
const MOST_TRIES = 200;

/** Free ports, held until `release`. */
export interface HeldPorts {
  readonly ports: readonly number[];
  /** Resolves when others may listen on them. */
  release(): Promise<void>;
}

export async function holdPorts(count: number): Promise<HeldPorts> {
  const end = endOfRange();
  const held = new Map<number, Server>();
  for (let tries = 0; held.size < count; tries += 1) {
    if (tries === MOST_TRIES) throw new Error(`no ${count} ports are free from ${FIRST} to ${end}`);
    const port = randomInt(FIRST, end);
    const server = await listenOn(port);
    if (server !== undefined) held.set(port, server);
  }
  return {
    ports: [...held.keys()],
    async release() {
      const closed = [...held.values()].map((server) => new Promise((resolve) => server.close(resolve)));
      await Promise.all(closed);
    },
  };
}

/** One free port. */
export async function keptPort(): Promise<number> {
  const { ports, release } = await holdPorts(1);
  await release();
  return ports[0] ?? 0;
}

/** Undefined: another process listens there. */
async function listenOn(port: number): Promise<Server | undefined> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return server;
  } catch {
    return undefined;
  }
}

/** The first port that the system gives away. */
export function endOfRange(): number {
  try {
    const first = Number(readFileSync(RANGE_FILE, "utf8").trim().split(/\s+/)[0]);
    return first > FIRST + MOST_TRIES ? first : USUAL_END;
  } catch {
    return USUAL_END;
  }
}
