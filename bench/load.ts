import { execFile } from "node:child_process";
import { connect, type Socket } from "node:net";
import { promisify } from "node:util";

export interface LoadResult {
  requestsPerSecond: number;
  errors: number;
  /** The source of the load: `wrk` if it is installed, as it costs the least itself. */
  by: "wrk" | "node";
}

export interface LoadOptions {
  url: string;
  connections: number;
  seconds: number;
}

const run = promisify(execFile);

/** Puts a server under load over keep-alive connections, each with one request at a time. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  return (await loadByWrk(options)) ?? loadByNode(options);
}

async function loadByWrk({ url, connections, seconds }: LoadOptions): Promise<LoadResult | undefined> {
  const args = ["-t", "1", "-c", String(connections), "-d", `${seconds}s`, url];
  const output = await run("wrk", args).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (output === undefined) return undefined;
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(output.stdout)?.[1];
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(
    output.stdout,
  );
  const statusErrors = /Non-2xx or 3xx responses: (\d+)/.exec(output.stdout)?.[1];
  const errors = (socketErrors ?? [])
    .slice(1)
    .reduce((sum, count) => sum + Number(count), Number(statusErrors ?? 0));
  return { requestsPerSecond: Number(rate), errors, by: "wrk" };
}

async function loadByNode({ url, connections, seconds }: LoadOptions): Promise<LoadResult> {
  const { hostname, port, pathname } = new URL(url);
  const request = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`;
  const counts = { answers: 0, errors: 0 };
  const sockets = Array.from({ length: connections }, () => connect(Number(port), hostname));
  for (const socket of sockets) driveSocket(socket, request, counts);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  for (const socket of sockets) socket.destroy();
  return { requestsPerSecond: counts.answers / seconds, errors: counts.errors, by: "node" };
}

/** Sends the next request when the last answer is complete, by its Content-Length. */
function driveSocket(socket: Socket, request: string, counts: { answers: number; errors: number }): void {
  let received = "";
  socket.setNoDelay(true);
  socket.on("connect", () => socket.write(request));
  socket.on("error", () => {
    counts.errors += 1;
  });
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    const headEnd = received.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
    if (headEnd === -1 || received.length < headEnd + 4 + length) return;
    if (received.startsWith("HTTP/1.1 200")) counts.answers += 1;
    else counts.errors += 1;
    received = "";
    socket.write(request);
  });
}
