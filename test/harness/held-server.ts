/** A server that answers on command, and functions that wait for it: their requests are open for as long as a test wants. */
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface HeldServer extends AsyncDisposable {
  /** The requests that have come, in order. */
  readonly waiting: readonly ServerResponse[];
  /** The configuration with which a function may reach the server. */
  readonly config: { egress: string[] };
  /**
   * A function that answers requests without a query with their method and body, when the server has answered. Requests with a
   * query are answered at once.
   */
  readonly source: string;
  /** Answers all requests, and from now on each at once. */
  open(): void;
}

export async function startHeldServer(): Promise<HeldServer> {
  const waiting: ServerResponse[] = [];
  let isOpen = false;
  const server = createServer((_, response) => {
    waiting.push(response);
    if (isOpen) response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    waiting,
    config: { egress: [address] },
    source: `
      export default async (request: Request) => {
        if (new URL(request.url).search !== "") return new Response("at once");
        await (await fetch("http://${address}/" + request.method)).text();
        return new Response(request.method + (await request.text()));
      };
    `,
    open() {
      isOpen = true;
      for (const response of waiting) response.end();
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
