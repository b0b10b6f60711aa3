import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { errnoOf } from "../machine/index.ts";

/** How long one look takes at most: a start takes some ten milliseconds, and a look costs far less. */
const POLL_MS = 5;

const PortsSchema = z.object({ nats: z.array(z.string()).nonempty() });
const InfoSchema = z.object({ jetstream: z.boolean().default(false) });

/** Waits until a server that was just started takes connections with JetStream on; its port. Rejects on abort only. */
export async function waitUntilReady(
  binary: string,
  pid: number,
  portsDir: string,
  signal: AbortSignal,
): Promise<number> {
  // The server names the file after its own executable and pid, so that it is never another's.
  const portsFile = portsFileOf(binary, pid, portsDir);
  for (;;) {
    const address = await readAddress(portsFile);
    if (address !== undefined && (await hasJetStream(address.host, address.port, signal)))
      return address.port;
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Where a server of that pid writes down its ports. It removes the file when it ends in order. */
export function portsFileOf(binary: string, pid: number, portsDir: string): string {
  const name = binary.split(/[\\/]/).at(-1) ?? binary;
  return join(portsDir, `${name}_${pid}.ports`);
}

async function readAddress(portsFile: string): Promise<{ host: string; port: number } | undefined> {
  try {
    const ports = PortsSchema.safeParse(JSON.parse(await readFile(portsFile, "utf8")));
    if (!ports.success) return undefined;
    const url = new URL(ports.data.nats[0] ?? "");
    return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port) };
  } catch (error) {
    // Not there yet, or half written.
    if (errnoOf(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether the server greets a connection, and says that JetStream is on. */
function hasJetStream(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: host === "0.0.0.0" || host === "::" ? "localhost" : host, port, signal });
    let greeting = "";
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.on("data", (chunk) => {
      greeting += chunk.toString();
      const info = /^INFO (\{.*\})\s*\r\n/.exec(greeting)?.[1];
      if (info === undefined) return;
      socket.destroy();
      const parsed = InfoSchema.safeParse(JSON.parse(info));
      resolve(parsed.success && parsed.data.jetstream);
    });
  });
}
