/**
 * The changes of a KV bucket, one by one.
 *
 * I1  The host is not called before the first `next`.
 * I2  A watch ends once: by `return`, by its signal, or by the stream's end. A pending `next` then resolves with `done`; a
 *     stream that broke rejects it.
 */
import { decodeUtf8 } from "../encoding/encoding.ts";
import { type Inbound, openInbound } from "../host/inbound.ts";
import { bindMethods } from "./bind-methods.ts";
import { callBinding, onAbort } from "./host-result.ts";
import { createKvFrameReader, type KvFrame } from "./kv-frames.ts";
import { type ReadValue, readValue } from "./values.ts";

export interface KvWatchOptions {
  prefix?: string;
  /** Leaves out the present entries. Default: false. */
  updatesOnly?: boolean;
  /** Upper bound of its life. Default: the request that began it. */
  lifetime?: "request" | "instance";
  signal?: AbortSignal;
}

type KvChange =
  | ({ type: "put"; key: string; revision: number; createdAt: Date } & ReadValue)
  | { type: "delete"; key: string; revision: number };

export class KvWatch implements AsyncIterableIterator<KvChange> {
  readonly #bucket: string;
  readonly #options: KvWatchOptions;
  readonly #readFrames = createKvFrameReader();
  readonly #frames: KvFrame[] = [];
  readonly #ended = Promise.withResolvers<undefined>();
  #opening: Promise<Inbound> | undefined;
  #forgetSignal: (() => void) | undefined;
  #isOver = false;
  /** The preceding `next`. Calls are served in their order. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(bucket: string, options: KvWatchOptions) {
    this.#bucket = bucket;
    this.#options = options;
    bindMethods(this);
  }

  next(): Promise<IteratorResult<KvChange, undefined>> {
    const result = this.#last.then(() => this.#take());
    this.#last = result.catch(() => undefined);
    return result;
  }

  async return(): Promise<IteratorResult<KvChange, undefined>> {
    this.#end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  get [Symbol.toStringTag](): string {
    return "KvWatch";
  }

  async #take(): Promise<IteratorResult<KvChange, undefined>> {
    this.#forgetSignal ??= onAbort(this.#options.signal, () => this.#end());
    while (!this.#isOver) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return { done: false, value: changeOf(frame) };
      const chunk = await Promise.race([this.#read(), this.#ended.promise]);
      if (chunk === undefined) break;
      this.#frames.push(...this.#readFrames(chunk));
    }
    this.#end();
    return { done: true, value: undefined };
  }

  async #read(): Promise<Uint8Array | undefined> {
    this.#opening ??= this.#open();
    const inbound = await this.#opening;
    return this.#isOver ? undefined : inbound.read();
  }

  async #open(): Promise<Inbound> {
    const { prefix = "", updatesOnly = false, lifetime = "request" } = this.#options;
    const id = await callBinding("kv.watch", this.#bucket, prefix, updatesOnly, lifetime);
    const inbound = openInbound(id as number);
    if (this.#isOver) inbound.cancel();
    return inbound;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#frames.length = 0;
    this.#forgetSignal?.();
    this.#ended.resolve(undefined);
    // A watch that failed to open has no stream to cancel.
    this.#opening?.then(
      (inbound) => inbound.cancel(),
      () => undefined,
    );
  }
}

function changeOf({ kind, key, revision, at, value }: KvFrame): KvChange {
  const facts = { key: decodeUtf8(key), revision };
  if (kind === "delete") return { type: kind, ...facts };
  return { type: kind, ...facts, createdAt: new Date(at), ...readValue(value.buffer as ArrayBuffer) };
}
