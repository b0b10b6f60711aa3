/** The servers that take turns with narun, each in processes of its own. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { end, firstLine } from "../system.ts";

export interface Server extends AsyncDisposable {
  readonly http: string;
  readonly pids: readonly number[];
}

const RELAY = new URL("./relay.ts", import.meta.url);

/** A plain `node:http` server. */
export function startPlainServer(): Promise<Server> {
  return startScript(new URL("./plain-server.ts", import.meta.url));
}

/** A server of grpc-js with the service of a .proto file. Its address is `HOST:PORT`. */
export function startGrpcServer(protoFile: string): Promise<Server> {
  return startScript(new URL("./grpc-server.ts", import.meta.url), protoFile);
}

/** A `node:http` server and a NATS Micro service, joined by the nats-server at `natsUrl`. */
export async function startRelay(natsUrl: string): Promise<Server> {
  const service = await startScript(RELAY, "service", natsUrl);
  const front = await startScript(RELAY, "front", natsUrl);
  return {
    http: front.http,
    pids: [...front.pids, ...service.pids],
    async [Symbol.asyncDispose]() {
      await front[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
    },
  };
}

/** The first line of a script's output is its address. */
async function startScript(file: URL, ...args: string[]): Promise<Server> {
  const child = spawn(process.execPath, [fileURLToPath(file), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return {
    http: await firstLine(child),
    pids: [child.pid ?? 0],
    [Symbol.asyncDispose]: () => end(child),
  };
}
