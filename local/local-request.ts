import {
  type ErrorCode,
  type Frame,
  type FrameBody,
  formatFrame,
  type GatewayHello,
  type NumberTable,
} from "../contracts/index.ts";
import type { FrameConnection, FrameLease } from "./frame-connection.ts";

/** Hears about a request after its beginning. */
export interface RequestReceiver {
  /** A frame of the gateway. The payload is valid during the call, and while it is held. `trailers`: a block, or empty. */
  onFrame(frame: Frame, payload: Uint8Array, trailers: string, lease: FrameLease): void;
  /** The connection broke. Answers no longer reach the gateway here. */
  onEnd(): void;
}

/** The gateway at the other end of a connection. */
export interface LocalPeer {
  readonly hello: GatewayHello;
  readonly connection: FrameConnection;
  /** The requests under way. */
  readonly requests: NumberTable<LocalRequest>;
}

/**
 * A request that came from this machine: over a socket, or from the same process (near-link.ts). It is over with `respond` or
 * `fail`; after `begin` with `finish`. Each of the answers returns whether the connection is there; where it is not, nothing was sent.
 */
export interface LocalRequest {
  /** Set it in the call that hands the request over: the next frame may have come with it. */
  receiver: RequestReceiver | undefined;
  readonly number: number;
  /** The number of the instance. */
  readonly instance: number;
  /** Bits of `requestFlags`. */
  readonly flags: number;
  readonly hops: number;
  readonly timeoutMs: number;
  /** See `readRequestHead`. */
  readonly head: string;
  /** The body, or its beginning: valid during the call that hands the request over. A text of the same process stays one. */
  readonly body: FrameBody;
  /** The beginning of the ids of its requester's requests. */
  readonly prefix: string;
  /** The id of the request: the subject of its replies over NATS. */
  readonly id: string;
  /** The name under which the requester says over NATS that it is alive. */
  readonly peer: string;
  readonly isConnected: boolean;
  /**
   * Answers with a whole response. A large body stays as it is until it has left. Throws, and sends nothing, where the block
   * has a character that is no byte, or a part fits into no frame.
   */
  respond(status: number, block: string, body: FrameBody): boolean;
  /** Sends the head of a streamed response. Errors: as `respond`. */
  begin(status: number, block: string): boolean;
  /** Answers with an error of the catalogue. `limit`: the value of the limit that was met. */
  fail(code: ErrorCode, limit?: number): boolean;
  /**
   * Sends a frame of a stream. A large payload stays as it is until it has left, when `done` is called. `trailers`: a block.
   * Errors: as `respond`.
   */
  frame(frame: Frame, payload: FrameBody, done?: () => void, trailers?: string): boolean;
  /** The stream of the answer is over: later frames of the requester are left out. */
  finish(): void;
}

/** A request that came over a socket. */
export class SocketRequest implements LocalRequest {
  receiver: RequestReceiver | undefined;
  readonly number: number;
  readonly instance: number;
  readonly flags: number;
  readonly hops: number;
  readonly timeoutMs: number;
  readonly head: string;
  readonly body: Uint8Array | undefined;
  readonly #peer: LocalPeer;

  constructor(
    peer: LocalPeer,
    number: number,
    instance: number,
    flags: number,
    hops: number,
    timeoutMs: number,
    head: string,
    body: Uint8Array | undefined,
  ) {
    this.#peer = peer;
    this.number = number;
    this.instance = instance;
    this.flags = flags;
    this.hops = hops;
    this.timeoutMs = timeoutMs;
    this.head = head;
    this.body = body;
  }

  get prefix(): string {
    return this.#peer.hello.prefix;
  }

  get id(): string {
    return this.#peer.hello.prefix + this.number.toString(36);
  }

  get peer(): string {
    return this.#peer.hello.peer;
  }

  get isConnected(): boolean {
    return !this.#peer.connection.isEnded;
  }

  respond(status: number, block: string, body: FrameBody): boolean {
    const { connection, requests } = this.#peer;
    if (connection.isEnded) return false;
    connection.batch.response(this.number, status, block, body);
    requests.delete(this.number);
    connection.send();
    return true;
  }

  begin(status: number, block: string): boolean {
    const { connection } = this.#peer;
    if (connection.isEnded) return false;
    connection.batch.head(this.number, status, block);
    connection.send();
    return true;
  }

  fail(code: ErrorCode, limit?: number): boolean {
    const { connection, requests } = this.#peer;
    if (connection.isEnded) return false;
    connection.batch.error(this.number, code, limit);
    requests.delete(this.number);
    connection.send();
    return true;
  }

  frame(frame: Frame, payload: FrameBody, done?: () => void, trailers = ""): boolean {
    const { connection } = this.#peer;
    if (connection.isEnded) return false;
    connection.batch.stream(this.number, formatFrame(frame), trailers, payload);
    connection.send(done);
    return true;
  }

  finish(): void {
    this.#peer.requests.delete(this.number);
  }
}
