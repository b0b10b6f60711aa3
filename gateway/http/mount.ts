/**
 * HTTP without a listener: a server of the application hands its requests over (`createGateway`).
 *
 * I1  A request of `fetch` takes the way of every other one, over a connection in memory: the same limits, streams and errors.
 * I2  Only `fetch` itself is trusted about the scheme, the host and the client of its requests.
 */
import { createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from "node:http";
import type { Socket } from "node:net";
import { type Duplex, duplexPair, Readable } from "node:stream";
import { NarunError } from "../../contracts/index.ts";
import { aborted } from "../../dispatch/index.ts";
import type { Door } from "../door.ts";
import { createWebSockets } from "../websocket/websocket.ts";
import { createEndings } from "./endings.ts";
import { Exchange } from "./exchange.ts";
import { parseTarget } from "./request-path.ts";
import { serve } from "./serve.ts";
import type { HttpOptions } from "./server.ts";
import { serveUpgrade } from "./upgrade.ts";

/** The options of HTTP without a listener. */
export type MountOptions = Omit<HttpOptions, "webSockets" | "endings" | "isLeaving" | "isDraining">;

/** The client of a request, where its server knows one. */
export interface ClientOfRequest {
  /** Its IP address. Default: `127.0.0.1`. */
  address?: string;
}

export class Mount {
  #options: HttpOptions | undefined;
  readonly #server = createServer((incoming, outgoing) => this.handle(incoming, outgoing));

  /** The door behind the requests that are handed over. */
  door(options: MountOptions): Door {
    const state = { isDraining: false };
    const webSockets = createWebSockets();
    this.#options = {
      ...options,
      webSockets,
      endings: createEndings(),
      isTrusted: (address) => address === IN_MEMORY || options.isTrusted(address),
      // The connections are the application's: it closes them itself.
      isLeaving: () => false,
      isDraining: () => state.isDraining,
    };
    return {
      name: "mount",
      listen: async () => "",
      async drain({ graceMs }) {
        state.isDraining = true;
        options.own.close();
        webSockets.drain();
        await Promise.race([options.dispatcher.idle(), aborted(AbortSignal.timeout(graceMs))]);
      },
      close: async () => webSockets.close(),
    };
  }

  /** Whether a route takes the request. */
  takes(incoming: IncomingMessage): boolean {
    const target = parseTarget(incoming.url ?? "/");
    if (target === undefined) return true;
    const { method = "GET" } = incoming;
    const match = this.#opened.routes().match(method, target.rawPath);
    const asked = { incoming, method, requestId: "" };
    return match.kind !== "none" || this.#opened.own.find(asked, target, match) !== undefined;
  }

  handle(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const exchange = new Exchange(incoming, outgoing);
    outgoing.once("close", () => exchange.onOver());
    outgoing.on("error", () => outgoing.destroy());
    serve(this.#opened, exchange);
  }

  upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    serveUpgrade(this.#opened, incoming, socket, head);
  }

  /** Answers a request of the Fetch API. Rejects where its client goes away, as `fetch` does. */
  fetch(request: Request, { address = "127.0.0.1" }: ClientOfRequest = {}): Promise<Response> {
    const { signal, body, method } = request;
    const url = new URL(request.url);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const connection = this.#connect();
      const sent = sendRequest({
        createConnection: () => connection,
        method,
        path: url.pathname + url.search,
        headers: fieldsOf(request, url, address),
        setDefaultHeaders: false,
      });
      const onAbort = () => {
        sent.destroy();
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      connection.once("close", () => signal.removeEventListener("abort", onAbort));
      sent.once("error", reject);
      sent.once("response", (incoming) => resolve(responseOf(incoming, method)));
      if (body === null) {
        sent.end();
        return;
      }
      const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
      // A body that breaks breaks the request: it must not look whole.
      source.once("error", (error) => sent.destroy(error));
      source.pipe(sent);
    });
  }

  get #opened(): HttpOptions {
    if (this.#options === undefined) throw new NarunError("GATEWAY_DRAINING");
    return this.#options;
  }

  /** The client's end of a connection in memory. */
  #connect(): Duplex {
    const [client, server] = duplexPair();
    Object.assign(server, { remoteAddress: IN_MEMORY, remotePort: 0 });
    this.#server.emit("connection", server);
    client.once("close", () => server.destroy());
    server.once("close", () => client.destroy());
    return client;
  }
}

/** The address of the peer of a connection in memory. No socket has it. */
const IN_MEMORY = "memory";

/** Fields that `fetch` writes itself. */
const WRITTEN = new Set([
  "connection",
  "host",
  "forwarded",
  "transfer-encoding",
  "content-length",
  "keep-alive",
]);

function fieldsOf(request: Request, url: URL, address: string): string[] {
  const fields: string[] = [];
  for (const [name, value] of request.headers)
    if (!WRITTEN.has(name) && !name.startsWith("x-forwarded-")) fields.push(name, value);
  const length = request.headers.get("content-length");
  fields.push("Host", request.headers.get("host") ?? url.host, "Connection", "close");
  fields.push("X-Forwarded-For", address, "X-Forwarded-Proto", url.protocol.slice(0, -1));
  if (request.body !== null) fields.push(...(length === null ? CHUNKED : ["Content-Length", length]));
  return fields;
}

const CHUNKED = ["Transfer-Encoding", "chunked"];
/** Fields of the connection in memory. */
const OF_CONNECTION = new Set(["connection", "transfer-encoding", "keep-alive"]);
const WITHOUT_BODY = new Set([204, 205, 304]);

function responseOf(incoming: IncomingMessage, method: string): Response {
  const headers = new Headers();
  const { rawHeaders, statusCode: status = 502 } = incoming;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (!OF_CONNECTION.has(name.toLowerCase())) headers.append(name, rawHeaders[at + 1] ?? "");
  }
  if (method === "HEAD" || WITHOUT_BODY.has(status)) {
    incoming.resume();
    return new Response(null, { status, headers });
  }
  // A pull reads; a cancel closes the connection, which aborts the function's request.
  const body = Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>;
  return new Response(body, { status, headers });
}
