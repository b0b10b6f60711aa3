/**
 * A client of the protocols over QUIC.
 *
 * I1  The server's certificate is verified, unless `skipVerification` says that it is not.
 * I2  A call whose connection was lost is sent again only where the caller says that it may run twice.
 * I3  Calls share one connection, which is opened again by the next call when it is over.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createBackoff } from "../machine/index.ts";
import { encodeFrame } from "./frames.ts";
import type { Address } from "./quic/pipe.ts";
import { type QuicConnection, QuicProcess } from "./quic/quic-process.ts";
import type { QuicStream } from "./quic/quic-stream.ts";
import { readFrame } from "./server.ts";

export interface ProtocolClientOptions {
  /** The path of Deno (`findDeno`). */
  deno: string;
  address: Address;
  /** The name that the server's certificate must have. Default `localhost`. */
  serverName?: string;
  /** PEM of the authority that signed the server's certificate. Default: the public roots. */
  ca?: string;
  /** SHA-256 of the server's certificate, hex: no other is taken, whoever signed it. */
  fingerprint?: string;
  /** Any certificate is taken. Default false. */
  skipVerification?: boolean;
  /** Default 10,000. */
  connectTimeoutMs?: number;
  /** Calls under way at a time; others wait. Default 100. */
  maxStreams?: number;
}

export interface ProtocolCallOptions {
  /** The call may run twice: it is sent again when the connection is lost before its answer. Default false. */
  isIdempotent?: boolean;
  /** Default: none, as a sleep is answered when it is over. */
  signal?: AbortSignal;
  /** Bytes behind the request: a file. Such a call is never repeated. */
  file?: AsyncIterable<Uint8Array>;
}

export interface ProtocolClient {
  /** Resolves with the payload of the answer. */
  call(payload: Uint8Array, options?: ProtocolCallOptions): Promise<Uint8Array>;
  /** A request without an answer; resolves when it is on its way. */
  send(payload: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 5_000;
/** How long a server may be silent: a dead one says nothing. */
const IDLE_MS = 15_000;
const MAX_STREAMS = 100;
const MAX_TRIES = 3;

/** A call failed for its connection's sake: whether the server began it is not known. */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";
}

/** The first call connects. */
export function createProtocolClient(options: ProtocolClientOptions): ProtocolClient {
  return new Client(options);
}

class Client implements ProtocolClient {
  readonly #options: ProtocolClientOptions;
  readonly #waiting: (() => void)[] = [];
  #free: number;
  #process: QuicProcess | undefined;
  #connection: Promise<QuicConnection> | undefined;

  constructor(options: ProtocolClientOptions) {
    this.#options = options;
    this.#free = options.maxStreams ?? MAX_STREAMS;
  }

  async call(payload: Uint8Array, options: ProtocolCallOptions = {}): Promise<Uint8Array> {
    const { isIdempotent = false, signal, file } = options;
    const backoff = createBackoff({ firstMs: 50, maxMs: 2_000, forgetAfterMs: 60_000 });
    for (let tries = 1; ; tries += 1) {
      signal?.throwIfAborted();
      try {
        return await this.#withPlace(() => this.#callOnce(payload, options));
      } catch (error) {
        const mayRepeat = isIdempotent && file === undefined && tries < MAX_TRIES;
        if (!(error instanceof ConnectionLostError) || !mayRepeat) throw error;
        await sleep(backoff.fail(performance.now()));
      }
    }
  }

  send(payload: Uint8Array): Promise<void> {
    return this.#withPlace(async () => {
      const stream = (await this.#connect()).openStream();
      try {
        await stream.write(encodeFrame("request", payload));
        await stream.end();
      } finally {
        stream.stopReading();
      }
    });
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    connection?.close({ code: 0, reason: "the client closes" });
    await this.#process?.close();
  }

  async #callOnce(payload: Uint8Array, { signal, file }: ProtocolCallOptions): Promise<Uint8Array> {
    const stream = (await this.#connect()).openStream();
    const abort = () => stream.abort("not wanted any more");
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const [answer] = await Promise.all([readFrame(stream.bytes()), sendAll(stream, payload, file)]);
      if (answer === undefined) throw new ConnectionLostError("the stream ended without an answer");
      return answer.payload;
    } catch (error) {
      signal?.throwIfAborted();
      stream.abort("no answer");
      throw new ConnectionLostError(String(error), { cause: error });
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Waits while as many calls are under way as may be. */
  async #withPlace<T>(act: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  #connect(): Promise<QuicConnection> {
    this.#connection ??= this.#open().catch((error: unknown) => {
      this.#connection = undefined;
      throw error;
    });
    return this.#connection;
  }

  async #open(): Promise<QuicConnection> {
    const {
      deno,
      address,
      serverName = "localhost",
      ca,
      fingerprint,
      skipVerification = false,
    } = this.#options;
    const { connectTimeoutMs = CONNECT_MS } = this.#options;
    const addresses = [`${address.host}:${address.port}`, `${serverName}:${address.port}`];
    this.#process ??= new QuicProcess({
      ...{ deno, addresses, skipVerification },
      onLost: () => {
        this.#process = undefined;
      },
    });
    const order = {
      ...{ ...address, serverName, keepAliveMs: KEEP_ALIVE_MS, idleMs: IDLE_MS, maxStreams: 0 },
      ...(ca === undefined ? {} : { ca }),
      ...(fingerprint === undefined ? {} : { fingerprint }),
    };
    const late = new AbortController();
    const limit = sleep(connectTimeoutMs, undefined, { signal: late.signal }).then(() => {
      throw new Error(`no connection to ${address.host}:${address.port} within ${connectTimeoutMs} ms`);
    });
    limit.catch(() => undefined);
    try {
      const connection = await Promise.race([
        this.#process.connect(order, { onStream: (stream) => stream.abort("a client takes no calls") }),
        limit,
      ]);
      void connection.closed.then(() => {
        this.#connection = undefined;
      });
      return connection;
    } finally {
      late.abort();
    }
  }
}

async function sendAll(
  stream: QuicStream,
  payload: Uint8Array,
  file: AsyncIterable<Uint8Array> | undefined,
): Promise<void> {
  await stream.write(encodeFrame("request", payload));
  if (file !== undefined) for await (const piece of file) await stream.write(piece);
  await stream.end();
}
