import type { Command } from "commander";
import { pino } from "pino";
import { GATEWAY_SERVICE, NarunError } from "../contracts/index.ts";
import { connectNats, discoverServices, type Nats, type NatsOptions } from "../nats/index.ts";
import { createOutput, type Output } from "./output.ts";

/** The options that every command has. */
export interface CommonOptions {
  nats?: string;
  creds?: string;
  json?: boolean;
  quiet?: boolean;
}

/** How a command reaches NATS: option, then environment, then the default of `connectNats`. */
export function resolveNats({ nats, creds }: CommonOptions): Omit<NatsOptions, "name"> {
  const url = nats ?? process.env.NARUN_NATS_URL;
  const credsFile = creds ?? process.env.NARUN_CREDS;
  return { ...(url === undefined ? {} : { url }), ...(credsFile === undefined ? {} : { credsFile }) };
}

/** Runs a command's work with a connection that is closed afterwards, whatever happens. */
export async function withNats(
  command: Command,
  work: (nats: Nats, output: Output) => Promise<void>,
): Promise<void> {
  const options = command.optsWithGlobals<CommonOptions>();
  const output = createOutput(options);
  const nats = await connectNats({ ...resolveNats(options), name: `narun ${command.name()}` });
  try {
    await work(nats, output);
  } finally {
    await nats.close();
  }
}

/** The base URL of a gateway that runs, if any. */
export async function findGatewayUrl(nats: Nats): Promise<string | undefined> {
  const gateways = await discoverServices(nats, { name: GATEWAY_SERVICE, maxWaitMs: 300, quietMs: 30 });
  return gateways.map(({ metadata }) => metadata?.["narun.http"]).find((url) => url !== undefined);
}

/** The URL under which a function is called: its first route at a gateway; undefined where no gateway runs. */
export function functionUrl(
  gatewayUrl: string | undefined,
  routes: readonly { path: string }[],
): string | null {
  const path = routes[0]?.path.replace(/\/\*$/, "");
  return gatewayUrl === undefined || path === undefined ? null : `${gatewayUrl}${path === "" ? "/" : path}`;
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** The log of a long-running part: JSON lines on standard error. */
export function createLog(level: string | undefined, fallback: string) {
  const wanted = level ?? process.env.NARUN_LOG_LEVEL ?? fallback;
  if (!LOG_LEVELS.includes(wanted)) {
    throw new NarunError("USAGE", {
      detail: `log level ${JSON.stringify(wanted)} is none of ${LOG_LEVELS.join(", ")}`,
    });
  }
  return pino({ level: wanted, base: null }, pino.destination({ fd: 2, sync: true }));
}

/** `host:port`; port 0 picks a free one. */
export function parseAddress(text: string, option: string): { host: string; port: number } {
  const match = /^(.*):(\d{1,5})$/.exec(text);
  const host = (match?.[1] ?? "").replace(/^\[(.*)\]$/, "$1");
  const port = Number(match?.[2]);
  if (match === null || host === "" || port > 65_535) {
    throw new NarunError("USAGE", { detail: `${option} takes HOST:PORT, not ${JSON.stringify(text)}` });
  }
  return { host, port };
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration as people write it: `500ms`, `30s`, `10m`, `2h`, `7d`. */
export function parseDuration(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (match === null) {
    throw new NarunError("USAGE", {
      detail: `${option} takes a duration like 30s, 10m or 2h, not ${JSON.stringify(text)}`,
    });
  }
  return Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? 0);
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function untilStopped(): { signal: AbortSignal; stopped: Promise<void> } {
  const controller = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    const stop = () => {
      if (controller.signal.aborted) process.exit(1);
      controller.abort();
      resolve();
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    process.on("SIGHUP", stop);
  });
  return { signal: controller.signal, stopped };
}
