/**
 * The way of requests between instances of one process: what a connection of two processes does (host-link.ts,
 * listen-local.ts), without the connection.
 *
 * I1  Neither side hears the other within its own call: a request, and each frame, is handed over in a later microtask, in order.
 * I2  An instance that left takes nothing. A request that it did not take is refused with `INSTANCE_DRAINING`.
 * I3  After `respond` or `fail` the instance hears nothing more of a request, and after `release` the requester hears nothing more.
 */
import { type ErrorCode, type Frame, type FrameBody, NumberTable } from "../contracts/index.ts";
import type { FrameLease } from "./frame-connection.ts";
import type { LinkRequest, ReplyReceiver, RequestLink } from "./host-link.ts";
import type { TakeRequest } from "./listen-local.ts";
import type { LocalRequest, RequestReceiver } from "./local-request.ts";

export interface NearLinkOptions {
  /** The beginning of the ids of this process' requests. */
  prefix: string;
  /** The name under which this process says over NATS that it is alive. */
  peer: string;
}

/** A payload that was copied. */
const OWN: FrameLease = { hold: () => () => undefined };

export class NearLink implements RequestLink {
  readonly isOpen = true;
  readonly options: NearLinkOptions;
  readonly #instances = new Map<number, TakeRequest>();
  readonly #open = new NumberTable<NearRequest>();
  #lastInstance = 0;

  constructor(options: NearLinkOptions) {
    this.options = options;
  }

  /** Requests of this number go to `take`; `leave` ends that. */
  register(take: TakeRequest): { number: number; leave(): void } {
    const number = ++this.#lastInstance;
    this.#instances.set(number, take);
    return { number, leave: () => void this.#instances.delete(number) };
  }

  request(number: number, request: LinkRequest, receiver: ReplyReceiver): boolean {
    if (!this.#instances.has(request.instance)) return false;
    const near = new NearRequest(this.options, number, request, receiver);
    this.#open.set(number, near);
    queueMicrotask(() => {
      const take = this.#instances.get(request.instance);
      if (near.isReleased) return;
      if (take === undefined) near.fail("INSTANCE_DRAINING");
      else take(near);
    });
    return true;
  }

  frame(number: number, frame: Frame, payload: FrameBody, done?: () => void, trailers = ""): void {
    const near = this.#open.get(number);
    if (near === undefined) return;
    handOver(payload, done, (bytes) => near.receive(frame, bytes, trailers));
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  release(number: number): void {
    const near = this.#open.get(number);
    if (near === undefined) return;
    this.#open.delete(number);
    near.isReleased = true;
  }
}

class NearRequest implements LocalRequest {
  receiver: RequestReceiver | undefined;
  isReleased = false;
  readonly isConnected = true;
  readonly number: number;
  readonly instance: number;
  readonly flags: number;
  readonly hops: number;
  readonly timeoutMs: number;
  readonly head: string;
  readonly body: FrameBody;
  readonly #options: NearLinkOptions;
  readonly #to: ReplyReceiver;
  #isFinished = false;

  constructor(options: NearLinkOptions, number: number, request: LinkRequest, to: ReplyReceiver) {
    this.#options = options;
    this.number = number;
    this.instance = request.instance;
    this.flags = request.flags;
    this.hops = request.hops;
    this.timeoutMs = request.timeoutMs;
    this.head = request.head;
    this.body = request.body?.length === 0 ? undefined : request.body;
    this.#to = to;
  }

  get prefix(): string {
    return this.#options.prefix;
  }

  get id(): string {
    return this.#options.prefix + this.number.toString(36);
  }

  get peer(): string {
    return this.#options.peer;
  }

  /** A frame of the requester. Frames that it sent before it gave the request up are among them: a cancel is the last. */
  receive(frame: Frame, payload: Uint8Array, trailers: string): void {
    if (!this.#isFinished) this.receiver?.onFrame(frame, payload, trailers, OWN);
  }

  respond(status: number, block: string, body: FrameBody): boolean {
    this.#isFinished = true;
    if (this.isReleased) return true;
    // The body is its receiver's own from now on.
    const own = typeof body === "string" ? body : copyOf(body);
    this.#to.onResponse(status, block, own.length === 0 ? undefined : own);
    return true;
  }

  begin(status: number, block: string): boolean {
    if (!this.isReleased) this.#to.onHead(status, block);
    return true;
  }

  fail(code: ErrorCode, limit?: number): boolean {
    this.#isFinished = true;
    if (!this.isReleased) this.#to.onError(code, limit);
    return true;
  }

  frame(frame: Frame, payload: FrameBody, done?: () => void, trailers = ""): boolean {
    handOver(payload, done, (bytes) => {
      if (!this.isReleased) this.#to.onFrame(frame, bytes, trailers, OWN);
    });
    return true;
  }

  finish(): void {
    this.#isFinished = true;
  }
}

function handOver(payload: FrameBody, done: (() => void) | undefined, to: (bytes: Uint8Array) => void): void {
  // A copy: the payload may share memory with an isolate, and is its sender's again with `done`.
  const bytes = copyOf(payload);
  queueMicrotask(() => {
    to(bytes);
    done?.();
  });
}

const NO_BYTES = new Uint8Array();

function copyOf(body: FrameBody): Uint8Array {
  if (body === undefined) return NO_BYTES;
  return typeof body === "string" ? Buffer.from(body) : new Uint8Array(body);
}
