/**
 * The HTTP client of one instance: undici's, behind the rules of egress.
 *
 * I1  `connectorFor` makes every connection, to an address that egress allowed for this name and port. There is no second look-up
 *     in between, and no way around it (proxies of the environment are not read).
 * I2  Connections are kept alive for the next exchange with the same origin, and belong to one instance: the rules differ between
 *     functions, and a function cannot take connections from another.
 * I3  An exchange that is aborted, or whose body is destroyed, closes its connection.
 */
import { promises as dns, type LookupAddress, type LookupOptions } from "node:dns";
import { isIP, type LookupFunction, type Socket } from "node:net";
import { Readable } from "node:stream";
import type { buildConnector, Dispatcher } from "undici";
import type { Egress, EgressTarget } from "../../../../machine/index.ts";
import { createSlots } from "../slots.ts";
import { loadUndici } from "./undici-parts.ts";

export type Lookup = (name: string, options: LookupOptions) => Promise<LookupAddress[]>;

export interface HttpClientOptions {
  egress: Egress;
  /** Default: the system's look-up, hosts file included. */
  lookup?: Lookup;
}

export interface HttpRequest {
  url: URL;
  method: string;
  /** Name, value, name, value, … */
  headers: string[];
  body: Uint8Array | Readable | undefined;
  signal: AbortSignal;
}

export interface HttpResponse {
  status: number;
  statusText: string;
  /** In the order of the response. Values are bytes as ISO-8859-1. */
  headers: [name: string, value: string][];
  body: Readable;
  /** Whether all of the body is here. */
  isWhole(): boolean;
  /** Settles when the connection is done with the exchange; never rejects. */
  over: Promise<void>;
}

export interface HttpClient {
  send(request: HttpRequest): Promise<HttpResponse>;
}

/** A connection was not made because egress refuses it. */
class EgressRefused extends Error {
  readonly code = "EGRESS_REFUSED";
}

/** How long making a connection may take. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** How long a server may be silent before the response, and between the bytes of a body that is read. undici's default. */
export const SILENCE_TIMEOUT_MS = 300_000;
/** Upper bound of a response's header fields. */
export const MAX_HEADER_BYTES = 64 * 1024;
/** Upper bound of the time that a connection is kept for its next exchange. The server may ask for less. */
const MAX_IDLE_MS = 60_000;
/** Upper bound of the open connections of an instance at which a connection is kept for later. */
const MAX_KEPT_CONNECTIONS = 100;
/** Upper bound of the look-ups at a time: each holds one of the process' few threads, which all functions share. */
const MAX_LOOKUPS = 2;

export async function createHttpClient({ egress, lookup = lookUp }: HttpClientOptions): Promise<HttpClient> {
  const { Agent, Pool, buildConnector } = await loadUndici();
  const sockets = new Set<Socket>();
  const lookups = createSlots(MAX_LOOKUPS);
  const boundedLookup: Lookup = async (name, options) => {
    const release = await lookups.take(AbortSignal.timeout(CONNECT_TIMEOUT_MS)).catch(() => {
      throw Object.assign(new Error("too many names are being looked up"), { code: "EAI_AGAIN" });
    });
    return lookup(name, options).finally(release);
  };
  const connectorFor = (target: EgressTarget): buildConnector.connector => {
    const connect = buildConnector({
      timeout: CONNECT_TIMEOUT_MS,
      // HTTP/2 would put exchanges that hold each other up on one connection, and undici's is little tested.
      allowH2: false,
      lookup: checkedLookup(egress, target, boundedLookup),
    } as buildConnector.BuildOptions);
    return (options, callback) => {
      const refusal =
        isIP(target.host) === 0 ? egress.refusalOfName(target) : egress.refusal(target, target.host);
      if (refusal !== undefined) return queueMicrotask(() => callback(new EgressRefused(refusal), null));
      connect(options, (...outcome) => {
        // With an error there is no socket, against the types.
        const socket: Socket | null | undefined = outcome[1];
        if (socket) {
          sockets.add(socket);
          socket.once("close", () => sockets.delete(socket));
        }
        callback(...outcome);
      });
    };
  };
  const agent = new Agent({
    factory: (origin, options) => new Pool(origin, { ...options, connect: connectorFor(targetOf(origin)) }),
    pipelining: 1,
    headersTimeout: SILENCE_TIMEOUT_MS,
    bodyTimeout: SILENCE_TIMEOUT_MS,
    keepAliveMaxTimeout: MAX_IDLE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  return {
    send({ url, method, headers, body, signal }) {
      const exchange = new Exchange(signal);
      agent.dispatch(
        {
          origin: url.origin,
          path: `${url.pathname}${url.search}`,
          method,
          headers,
          body: body ?? null,
          reset: sockets.size >= MAX_KEPT_CONNECTIONS,
        },
        exchange,
      );
      return exchange.response;
    },
  };
}

function targetOf(origin: string | URL): EgressTarget {
  const { hostname, port, protocol } = new URL(origin);
  return {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
  };
}

function lookUp(name: string, options: LookupOptions): Promise<LookupAddress[]> {
  return dns.lookup(name, { ...options, all: true });
}

/** A look-up that returns only addresses that egress allows (I1). */
function checkedLookup(egress: Egress, target: EgressTarget, lookup: Lookup): LookupFunction {
  return (name, options, callback) => {
    lookup(name, options).then(
      (found) => {
        const refusals: string[] = [];
        const addresses = found.filter(({ address }) => {
          const refusal = egress.refusal(target, address);
          if (refusal !== undefined) refusals.push(refusal);
          return refusal === undefined;
        });
        const [first] = addresses;
        if (first === undefined) {
          const error = refusals[0] === undefined ? noAddress(name) : new EgressRefused(refusals[0]);
          return callback(error, []);
        }
        if (options.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
}

function noAddress(name: string): Error {
  return Object.assign(new Error(`${name} has no address`), { code: "ENOTFOUND" });
}

/** One request and its response, as undici's handler. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #signal: AbortSignal;
  readonly #response = Promise.withResolvers<HttpResponse>();
  readonly #over = Promise.withResolvers<void>();
  #controller: Dispatcher.DispatchController | undefined;
  #body: Readable | undefined;
  #isComplete = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#abort, { once: true });
  }

  get response(): Promise<HttpResponse> {
    return this.#response.promise;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#signal.aborted) this.#abort();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText = "",
  ): void {
    if (status < 200) return;
    const body = new Readable({
      highWaterMark: 64 * 1024,
      read: () => controller.resume(),
      destroy: (error, done) => {
        if (!this.#isComplete) controller.abort(error ?? new Error("the rest of the body is not wanted"));
        done(error);
      },
    });
    // A reader has its own handler. Without a reader an error must not end the process.
    body.on("error", () => undefined);
    this.#body = body;
    this.#response.resolve({
      status,
      statusText,
      headers: pairsOf(controller.rawHeaders as (Buffer | string)[]),
      body,
      isWhole: () => this.#isComplete && !body.destroyed,
      over: this.#over.promise,
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body?.push(chunk) === false) controller.pause();
  }

  onResponseEnd(): void {
    this.#isComplete = true;
    this.#body?.push(null);
    this.#end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#isComplete = true;
    this.#response.reject(error);
    this.#body?.destroy(error);
    this.#end();
  }

  readonly #abort = () => this.#controller?.abort(new Error("the exchange was aborted"));

  #end(): void {
    this.#signal.removeEventListener("abort", this.#abort);
    this.#over.resolve();
  }
}

function pairsOf(raw: readonly (Buffer | string)[]): [string, string][] {
  const texts = raw.map((part) => (typeof part === "string" ? part : part.toString("latin1")));
  return Array.from({ length: texts.length / 2 }, (_, index) => [
    texts[2 * index] ?? "",
    texts[2 * index + 1] ?? "",
  ]);
}
