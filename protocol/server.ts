/**
 * A server of the protocols over QUIC.
 *
 * I1  A stream is one call: its first frame is the request, what follows are the bytes of a file, and the answer is one frame.
 * I2  The process that speaks QUIC is replaced when it dies, on the same address: clients connect again.
 * I3  A fault of one call or one client ends nothing else.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createBackoff } from "../machine/index.ts";
import { encodeFrame, FrameReader, isProtocolFault } from "./frames.ts";
import { RENEW_BEFORE_MS, type ServerCertificate, serverCertificate } from "./quic/certificates.ts";
import type { Address } from "./quic/pipe.ts";
import { type QuicConnection, type QuicEndpoint, QuicProcess } from "./quic/quic-process.ts";
import type { QuicStream } from "./quic/quic-stream.ts";

export interface ProtocolCall {
  readonly connection: QuicConnection;
  readonly payload: Uint8Array;
  /** The bytes that follow the request; read once. */
  readonly rest: AsyncIterable<Uint8Array>;
  /** Aborts when the connection is over. */
  readonly signal: AbortSignal;
}

/** The payload of an answer. `sent` is called when it was written. Undefined: the call has no answer. */
export type ProtocolAnswer = { payload: Uint8Array; sent?: () => void } | undefined;

export interface ProtocolServerOptions {
  /** The path of Deno (`findDeno`). */
  deno: string;
  /** An address of this machine, and a UDP port that is free. */
  address: Address;
  /** The folder of the server's keys. */
  keys: string;
  /** Names and addresses in the certificate. Default: `localhost`, `127.0.0.1`, and the address. */
  names?: readonly string[];
  /** Calls that a client may have open. Default 100. */
  maxStreams?: number;
  onCall(call: ProtocolCall): Promise<ProtocolAnswer>;
  /** A call threw: nothing was answered. */
  onError(error: unknown): void;
  /** The process died and is replaced. */
  onLost?(why: string): void;
}

export interface ProtocolServer {
  readonly address: Address;
  readonly certificate: Pick<ServerCertificate, "ca" | "fingerprint">;
  /** Kills the process that speaks QUIC: another takes its place. For tests. */
  kill(): void;
  /** Takes no new connection, lets calls finish within the grace, and closes: clients are told. */
  close(options?: { graceMs?: number }): Promise<void>;
}

/** How long a client may be silent. SDKs send a packet each 10 s. */
const IDLE_MS = 60_000;
const KEEP_ALIVE_MS = 5_000;
const MAX_STREAMS = 100;
const CLOSE_GRACE_MS = 2_000;
const CHECK_CERTIFICATE_MS = 3_600_000;

/** Rejects where the address is taken. */
export async function startProtocolServer(options: ProtocolServerOptions): Promise<ProtocolServer> {
  const server = new Server(options);
  await server.open();
  return server;
}

class Server implements ProtocolServer {
  readonly address: Address;
  readonly #options: ProtocolServerOptions;
  readonly #names: readonly string[];
  readonly #calls = new Set<Promise<void>>();
  readonly #connections = new Map<QuicConnection, AbortController>();
  #process: QuicProcess | undefined;
  #endpoint: QuicEndpoint | undefined;
  #certificate: ServerCertificate | undefined;
  #renewal: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  constructor(options: ProtocolServerOptions) {
    const { host } = options.address;
    this.#options = options;
    this.address = options.address;
    this.#names = options.names ?? [...new Set(["localhost", "127.0.0.1", host])];
  }

  get certificate(): ServerCertificate {
    if (this.#certificate === undefined) throw new Error("the server has not been opened");
    return this.#certificate;
  }

  async open(): Promise<void> {
    const { keys, deno, address, maxStreams = MAX_STREAMS } = this.#options;
    const certificate = await serverCertificate({ folder: keys, names: this.#names });
    this.#certificate = certificate;
    let isOpen = false;
    const process = new QuicProcess({
      deno,
      addresses: [`${hostOf(address)}:${address.port}`],
      // A process that never listened is reported by `listen` alone: else each failed try would begin a row of tries.
      onLost: (why) => isOpen && void this.#replace(why),
    });
    this.#process = process;
    const { cert, key } = certificate;
    const transport = { keepAliveMs: KEEP_ALIVE_MS, idleMs: IDLE_MS, maxStreams };
    try {
      this.#endpoint = await process.listen({ ...address, cert, key, ...transport }, this);
      isOpen = true;
    } catch (error) {
      this.#process = undefined;
      await process.close();
      throw error;
    }
    this.#renewal = setInterval(() => void this.#renew(), CHECK_CERTIFICATE_MS).unref();
  }

  onConnection(connection: QuicConnection): void {
    const over = new AbortController();
    this.#connections.set(connection, over);
    void connection.closed.then(() => {
      this.#connections.delete(connection);
      over.abort();
    });
  }

  onStream(stream: QuicStream, connection: QuicConnection): void {
    const call = this.#serve(stream, connection)
      .catch((error: unknown) => {
        stream.abort("no answer");
        if (this.#connections.has(connection)) this.#options.onError(error);
      })
      .finally(() => this.#calls.delete(call));
    this.#calls.add(call);
  }

  kill(): void {
    this.#process?.kill();
  }

  async close({ graceMs = CLOSE_GRACE_MS } = {}): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#renewal);
    const finished = Promise.all(this.#calls);
    await Promise.race([finished, sleep(graceMs, undefined, { ref: false })]);
    this.#endpoint?.close({ code: 0, reason: "the server closes" });
    await this.#process?.close();
  }

  async #serve(stream: QuicStream, connection: QuicConnection): Promise<void> {
    const pieces = stream.bytes();
    const request = await readFrame(pieces);
    if (request === undefined) {
      stream.abort("no frame");
      return;
    }
    const signal = this.#connections.get(connection)?.signal ?? AbortSignal.abort();
    const { payload, rest } = request;
    const answer = await this.#options.onCall({ connection, payload, rest: following(rest, pieces), signal });
    stream.stopReading();
    if (answer === undefined) return await stream.end();
    await stream.write(encodeFrame("response", answer.payload));
    await stream.end();
    answer.sent?.();
  }

  /** Opens a new process until one listens. */
  async #replace(why: string): Promise<void> {
    clearInterval(this.#renewal);
    this.#options.onLost?.(why);
    const backoff = createBackoff({ firstMs: 100, maxMs: 5_000, forgetAfterMs: 60_000 });
    while (!this.#closing.signal.aborted) {
      try {
        return await this.open();
      } catch {
        await sleep(backoff.fail(performance.now()), undefined, { ref: false });
      }
    }
  }

  /** A certificate that ends soon: the process gets the next one. Clients connect again. */
  async #renew(): Promise<void> {
    const old = this.#process;
    if (old === undefined || this.certificate.expiresAtMs - Date.now() > RENEW_BEFORE_MS) return;
    clearInterval(this.#renewal);
    await old.close();
    await this.#replace("its certificate is renewed");
  }
}

const hostOf = ({ host }: Address) => (host.includes(":") ? `[${host}]` : host);

/** The first frame of a stream, and the bytes behind it. Undefined: there is none, or bytes that are none. */
export async function readFrame(
  pieces: AsyncIterator<Uint8Array>,
): Promise<{ payload: Uint8Array; rest: Uint8Array } | undefined> {
  const reader = new FrameReader();
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return undefined;
    const read = reader.read(value);
    if (isProtocolFault(read)) return undefined;
    if (read !== undefined) return { payload: read.frame.payload, rest: read.rest };
  }
}

async function* following(
  first: Uint8Array,
  pieces: AsyncGenerator<Uint8Array, void>,
): AsyncGenerator<Uint8Array> {
  if (first.byteLength > 0) yield first;
  yield* pieces;
}
