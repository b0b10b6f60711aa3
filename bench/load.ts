/** Load on a server over keep-alive connections, each with one request at a time. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { median } from "./figures.ts";

export interface LoadResult {
  requestsPerSecond: number;
  /** The median time of a request, in milliseconds. */
  p50Ms: number;
  errors: number;
}

export interface LoadOptions {
  url: string;
  connections: number;
  seconds: number;
  /** A POST with this body. Default: a GET. */
  body?: string;
  headers?: Readonly<Record<string, string>>;
}

const run = promisify(execFile);

/** `wrk` makes the load if it is installed, as it costs the least itself. It knows whole seconds only. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const byWrk = Number.isInteger(options.seconds) ? await loadByWrk(options) : undefined;
  return byWrk ?? loadByNode(options);
}

async function loadByWrk(options: LoadOptions): Promise<LoadResult | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "narun-bench-wrk-"));
  const script = join(folder, "request.lua");
  await writeFile(script, formatScript(options));
  const { connections, seconds, url } = options;
  const args = ["-t", "1", "-c", String(connections), "-d", `${seconds}s`, "--latency", "-s", script, url];
  try {
    return parseWrk((await run("wrk", args)).stdout);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function formatScript({ body, headers = {} }: LoadOptions): string {
  const lines = Object.entries(headers).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
  );
  if (body !== undefined) lines.push(`wrk.method = "POST"`, `wrk.body = ${JSON.stringify(body)}`);
  return lines.join("\n");
}

const MS_OF_UNIT: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };

function parseWrk(output: string): LoadResult {
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(output)?.[1];
  const [, middle, unit = ""] = /^\s+50%\s+([\d.]+)(us|ms|s|m)\s*$/m.exec(output) ?? [];
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output);
  const statusErrors = /Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1];
  const errors = (socketErrors ?? [])
    .slice(1)
    .reduce((sum, count) => sum + Number(count), Number(statusErrors ?? 0));
  const p50Ms = Number(middle) * (MS_OF_UNIT[unit] ?? Number.NaN);
  return { requestsPerSecond: Number(rate), p50Ms, errors };
}

interface Counts {
  latencies: number[];
  errors: number;
}

async function loadByNode(options: LoadOptions): Promise<LoadResult> {
  const { hostname, port } = new URL(options.url);
  const counts: Counts = { latencies: [], errors: 0 };
  const sockets = Array.from({ length: options.connections }, () => connect(Number(port), hostname));
  for (const socket of sockets) driveSocket(socket, formatRequest(options), counts);
  await new Promise((resolve) => setTimeout(resolve, options.seconds * 1_000));
  for (const socket of sockets) socket.destroy();
  const { latencies, errors } = counts;
  return { requestsPerSecond: latencies.length / options.seconds, p50Ms: median(latencies), errors };
}

function formatRequest({ url, body, headers = {} }: LoadOptions): string {
  const { host, pathname, search } = new URL(url);
  const method = body === undefined ? "GET" : "POST";
  const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
  const fields = Object.entries({ Host: host, ...headers, ...length });
  const head = [
    `${method} ${pathname}${search} HTTP/1.1`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
  ];
  return `${head.join("\r\n")}\r\n\r\n${body ?? ""}`;
}

/** Sends the next request when the last answer is complete, by its Content-Length. */
function driveSocket(socket: Socket, request: string, counts: Counts): void {
  let received = "";
  let sentAt = 0;
  const send = () => {
    received = "";
    sentAt = performance.now();
    socket.write(request);
  };
  socket.setNoDelay(true);
  socket.on("connect", send);
  socket.on("error", () => {
    counts.errors += 1;
  });
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    const headEnd = received.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
    if (headEnd === -1 || received.length < headEnd + 4 + length) return;
    if (received.startsWith("HTTP/1.1 200")) counts.latencies.push(performance.now() - sentAt);
    else counts.errors += 1;
    send();
  });
}
