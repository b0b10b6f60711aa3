/** Requests of NATS between bare processes (peers/bare-request.ts): a server, and clients. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Sample } from "./frame/row.ts";

export const BARE = "bare NATS request";

export interface BareLoad {
  atOnce: number;
  seconds: number;
}

/** Starts a bare server that ends with `stack`. Each call of the result measures a client of it. */
export async function startBare(
  stack: AsyncDisposableStack,
  nats: string,
  load: BareLoad,
): Promise<() => Promise<Sample>> {
  const server = run("server", nats);
  stack.defer(() => void server.kill());
  await once(server.stdout ?? server, "data");
  return () => askBare(nats, "bare.add", load);
}

/** Measures the requests of a bare client on a subject. Its service adds numbers. */
export async function askBare(nats: string, subject: string, { atOnce, seconds }: BareLoad): Promise<Sample> {
  const client = run("client", nats, subject, String(atOnce), String(seconds));
  const rate = Promise.withResolvers<number>();
  client.stdout?.once("data", (chunk: Buffer) => rate.resolve(Number(chunk.toString())));
  client.once("exit", (code) => rate.reject(new Error(`the client of ${subject} ended with ${code}`)));
  return { value: await rate.promise };
}

function run(...values: string[]): ChildProcess {
  const file = fileURLToPath(new URL("peers/bare-request.ts", import.meta.url));
  return spawn(process.execPath, [file, ...values], { stdio: ["ignore", "pipe", "inherit"] });
}
