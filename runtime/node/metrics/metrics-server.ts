import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type Address, listen } from "../../../machine/index.ts";
import type { TargetGroup } from "./discovery.ts";
import { EXPOSITION_TYPE } from "./exposition.ts";

export interface MetricsServer {
  /** Base URL, without a slash at the end. */
  readonly url: string;
  close(): void;
}

export interface MetricsPages {
  metrics(): Promise<string>;
  /** `host`: the address by which the asking program reached this machine. */
  discovery(host: string): TargetGroup[];
}

/** Serves `/metrics`, and `/discovery` for Prometheus' HTTP service discovery. Errors: ADDRESS_IN_USE, USAGE. */
export async function startMetricsServer(address: Address, pages: MetricsPages): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    answer(request, response, pages).catch(() => response.writeHead(500).end());
  });
  const url = await listen(server, address, "--metrics");
  server.unref();
  return {
    url,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  pages: MetricsPages,
): Promise<void> {
  const [path] = (request.url ?? "").split("?");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
  } else if (path === "/metrics") {
    response.writeHead(200, { "content-type": EXPOSITION_TYPE }).end(await pages.metrics());
  } else if (path === "/discovery") {
    const groups = pages.discovery(plainAddress(request.socket.localAddress ?? "127.0.0.1"));
    response.writeHead(200, { "content-type": "application/json" }).end(`${JSON.stringify(groups)}\n`);
  } else {
    response.writeHead(404).end();
  }
}

/** An IPv4 address that came to a socket for both versions, in its own form. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, "");
}
