/** Functions in real isolates that fetch from real servers of the test. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createFetch, type FetchOptions } from "../../../runtime/isolate/operations/fetch/fetch.ts";
import { createSubrequests } from "../../../runtime/isolate/operations/subrequests.ts";
import { loadTestFunction, type TestFunction } from "../../../runtime/testing/sandbox.ts";

export interface TestServer extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  /** Number of connections that were made. */
  readonly connections: number;
  /** The open connections. */
  readonly sockets: ReadonlySet<Socket>;
}

export async function startServer(handle: RequestListener, host = "127.0.0.1"): Promise<TestServer> {
  const server = createServer(handle);
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://${host}:${port}`,
    port,
    get connections() {
      return connections;
    },
    sockets,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Answers with a description of the request. */
export async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A client that disconnects gets no answer.
  const chunks = await Array.fromAsync(request).catch(() => undefined);
  if (chunks === undefined) return;
  const body = Buffer.concat(chunks).toString();
  const { method, url, headers, rawHeaders } = request;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ method, url, headers, rawHeaders, body }));
}

export interface FetchWorld {
  readonly lines: string[];
  load(code: string, env?: Record<string, string>): Promise<TestFunction>;
  /** Runs the code as the body of a handler and returns its answer, parsed from JSON. `origin` is in its scope. */
  run(code: string, origin?: string): Promise<unknown>;
}

export function createFetchWorld({
  egress = ["127.0.0.1"],
  egressDeny = [],
  subrequests = 10_000,
  lookup,
  unreadMs,
}: { egress?: string[]; subrequests?: number } & Partial<
  Pick<FetchOptions, "egressDeny" | "lookup" | "unreadMs">
> = {}): FetchWorld {
  const lines: string[] = [];
  const log = (text: string) => void lines.push(text);
  const options: FetchOptions = {
    config: { egress },
    egressDeny,
    subrequests: createSubrequests({ config: { limits: { subrequests } as never }, log }),
    log,
    ...(lookup === undefined ? {} : { lookup }),
    ...(unreadMs === undefined ? {} : { unreadMs }),
  };
  const load = (code: string, env = {}) => loadTestFunction(code, env, createFetch(options));
  return {
    lines,
    load,
    async run(code, origin = "") {
      const loaded = await load(
        `export default async (request, env) => {
          const origin = ${JSON.stringify(origin)};
          const why = (error) => ({ name: error.name, message: error.message, code: error.cause?.code });
          return Response.json((await (async () => { ${code} })()) ?? null);
        }`,
      );
      const answer = await loaded.call();
      if (answer.kind !== "response") throw new Error(`${answer.why}: ${answer.text}`);
      return JSON.parse(Buffer.from(await loaded.read(answer.body)).toString());
    },
  };
}
