/**
 * One client's connection.
 *
 * I1  Its requests are served one after the other, in their order. A request with side effects may not run beside another
 *     (RFC 9112, section 9.3.2), and answers that wait for an earlier one would take memory.
 * I2  A final answer is written after the answers to all earlier requests. Later input is not read.
 * I3  A connection that is old ends with an answer to which no further request is known, so that its client may reach gateways
 *     that came later. Nothing is cut: streams and WebSockets go on to their end.
 * I4  A client that has closed its direction gets its answers, unless it has gone (half-closed.ts).
 */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { probeHalfClosed } from "./half-closed.ts";

/** A response that knows its connection. So all responses have the same listeners, and none of its own. */
export class ConnectionResponse extends ServerResponse {
  owner: Connection | undefined;
  /** Set when its request is served. Told once when the answer is written, or its client is gone. */
  exchange: { onOver(): void } | undefined;
  isOver = false;
}

/** The part by which ages differ: connections that came together do not go together. */
const AGE_JITTER = 0.1;

export interface ConnectionOptions {
  /** How old a connection gets, about. 0: no bound. */
  maxAgeMs: number;
  /** Begins to serve a request. */
  serve(incoming: IncomingMessage, outgoing: ConnectionResponse): void;
  /** A response failed. */
  onError(error: Error, socket: Socket): void;
}

/** A request that waits for its turn. */
interface Turn {
  readonly incoming: IncomingMessage;
  readonly outgoing: ConnectionResponse;
}

/** Upper bound of the waiting requests above which the socket is not read. */
const MAX_WAITING = 16;
/** Upper bound of the waiting requests: one read of the socket may bring more than 2,000 small ones. */
const MAX_WAITING_AT_ALL = 1_000;

export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  #incoming: IncomingMessage | undefined;
  #outgoing: ConnectionResponse | undefined;
  #waiting: Turn[] = [];
  #last: (() => void) | undefined;
  #isOver = false;
  /** By `performance.now()`. */
  readonly #oldAtMs: number;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const ageMs = options.maxAgeMs * (1 + AGE_JITTER * (2 * Math.random() - 1));
    this.#oldAtMs = ageMs > 0 ? performance.now() + ageMs : Number.POSITIVE_INFINITY;
    this.#watchEnd();
  }

  /** Whether a request is being served. */
  get isBusy(): boolean {
    return this.#outgoing !== undefined;
  }

  /** Whether the answer that begins now is to be the last one. */
  get isOld(): boolean {
    return this.#waiting.length === 0 && performance.now() >= this.#oldAtMs;
  }

  /** Serves a request when the requests before this one are answered. */
  take(incoming: IncomingMessage, outgoing: ConnectionResponse): void {
    outgoing.owner = this;
    outgoing.on("error", onResponseError);
    if (this.#isOver) return;
    if (this.#outgoing === undefined) {
      this.#begin(incoming, outgoing);
      return;
    }
    this.#waiting.push({ incoming, outgoing });
    if (this.#waiting.length > MAX_WAITING_AT_ALL) this.#socket.destroy();
    // Node resumes the socket at the end of each request that it parses. So the pause begins after this chunk.
    else if (this.#waiting.length === MAX_WAITING) setImmediate(() => this.#holdBack());
  }

  /**
   * Calls `last` when all whole requests are answered. An incomplete request is dropped: the rest of it cannot be read.
   */
  endWith(last: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // At the client's end Node would close the connection after the present answer.
    this.#socket.removeAllListeners("end");
    this.#watchEnd();
    this.#last = last;
    const newest = this.#waiting.at(-1);
    if (newest?.incoming.complete === false) this.#waiting.pop();
    const outgoing = this.#outgoing;
    if (outgoing === undefined) this.#next();
    else if (this.#incoming?.complete === true) return;
    else if (outgoing.headersSent) this.#socket.destroy();
    else abandon(outgoing, this.#socket);
  }

  /** As `endWith`, on a connection that Node has handed over. Node no longer tells responses when they may continue. */
  takeOver(last: () => void): void {
    this.#socket.on("drain", () => this.#outgoing?.emit("drain"));
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.resume();
    this.endWith(last);
  }

  #watchEnd(): void {
    this.#socket.once("end", () => {
      if (this.isBusy) probeHalfClosed(this.#socket, () => this.#outgoing);
    });
  }

  /** A response is written, or its client is gone. */
  onOver(outgoing: ConnectionResponse): void {
    outgoing.exchange?.onOver();
    if (outgoing === this.#outgoing) this.#next();
  }

  onError(error: Error): void {
    this.#options.onError(error, this.#socket);
  }

  #begin(incoming: IncomingMessage, outgoing: ConnectionResponse): void {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    outgoing.on("close", onResponseClose);
    this.#options.serve(incoming, outgoing);
  }

  #next(): void {
    this.#incoming = undefined;
    this.#outgoing = undefined;
    if (this.#socket.destroyed || this.#socket.writableEnded) {
      this.#isOver = true;
      this.#waiting = [];
      return;
    }
    const next = this.#waiting.shift();
    if (this.#waiting.length === MAX_WAITING - 1) this.#socket.resume();
    if (next !== undefined) {
      this.#begin(next.incoming, next.outgoing);
      return;
    }
    const last = this.#last;
    this.#last = undefined;
    last?.();
  }

  #holdBack(): void {
    if (this.#waiting.length >= MAX_WAITING) this.#socket.pause();
  }
}

function onResponseClose(this: ConnectionResponse): void {
  if (this.isOver) return;
  this.isOver = true;
  this.owner?.onOver(this);
}

function onResponseError(this: ConnectionResponse, error: Error): void {
  this.owner?.onError(error);
}

/** Ends an exchange whose answer cannot be read any more, while its connection stays. */
function abandon(outgoing: ServerResponse, socket: Socket): void {
  outgoing.detachSocket(socket);
  outgoing.destroy();
  outgoing.emit("close");
}
