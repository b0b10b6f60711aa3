/** The smallest mode there is: the code is a function of the test, in the test's own process. */
import type {
  AbortReason,
  IncomingRequest,
  RequestBodyReceiver,
  ResponseBodyReceiver,
  Sandbox,
  SandboxBodies,
  SandboxSockets,
  SandboxStart,
} from "../sandbox.ts";

/** The body of a request, as the handler sees it. */
interface ArrivingBody extends RequestBodyReceiver {
  chunks: Buffer[];
  end: PromiseWithResolvers<string | undefined>;
}

export interface MemorySandboxOptions {
  handle?(id: number, request: IncomingRequest): void;
  onSocketMessage?(id: number, data: string | ArrayBuffer): void;
  start?: SandboxStart;
  onStart?(): void;
}

export class MemorySandbox implements Sandbox {
  /** The calls of the instance, in their order. */
  readonly aborted: [id: number, reason: AbortReason][] = [];
  readonly forgotten: number[] = [];
  readonly cancelled: unknown[] = [];
  readonly closed: [id: number, code: number][] = [];
  isDisposed = false;
  lastId = 0;
  readonly #options: MemorySandboxOptions;
  readonly #arriving = new Map<number, ArrivingBody>();
  readonly #leaving = new Map<number, ResponseBodyReceiver & { credit: number; waiting: Uint8Array[] }>();
  #lastBodyId = 0;

  constructor(options: MemorySandboxOptions = {}) {
    this.#options = options;
  }

  readonly bodies: SandboxBodies = {
    openRequest: (_id, receiver) => {
      const bodyId = ++this.#lastBodyId;
      const body: ArrivingBody = { ...receiver, chunks: [], end: Promise.withResolvers() };
      this.#arriving.set(bodyId, body);
      return {
        id: bodyId,
        copy: () => false,
        flush: () => undefined,
        push: (bytes) => void body.chunks.push(Buffer.from(bytes)),
        end: (why) => {
          if (this.#arriving.delete(bodyId)) body.end.resolve(why);
        },
      };
    },
    openResponse: (_id, body, receiver) => {
      if (typeof body !== "number" || this.#leaving.has(body)) return undefined;
      const leaving = { ...receiver, credit: 0, waiting: [] };
      this.#leaving.set(body, leaving);
      return {
        grant: (bytes) => {
          leaving.credit += bytes;
          this.#pump(leaving);
        },
        cancel: () => {
          if (this.#leaving.get(body) !== leaving) return;
          this.#leaving.delete(body);
          this.cancelled.push(body);
        },
      };
    },
    discard: (_id, body) => {
      if (typeof body === "number" && !this.#leaving.has(body)) this.cancelled.push(body);
    },
  };

  readonly sockets: SandboxSockets = {
    message: async (id, data) => this.#options.onSocketMessage?.(id, data),
    grant: () => undefined,
    close: (id, code) => void this.closed.push([id, code]),
  };

  async start(): Promise<SandboxStart> {
    this.#options.onStart?.();
    return this.#options.start ?? { ok: true, phases: { memory: 0 } };
  }

  begin(id: number, request: IncomingRequest): void {
    this.lastId = id;
    this.#options.handle?.(id, request);
  }

  abort(id: number, reason: AbortReason): void {
    this.aborted.push([id, reason]);
  }

  forget(id: number): void {
    this.forgotten.push(id);
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  dispose(): void {
    this.isDisposed = true;
    for (const { onCancel } of this.#arriving.values()) onCancel();
    for (const { onEnd } of [...this.#leaving.values()]) onEnd("the instance ended");
    this.#arriving.clear();
    this.#leaving.clear();
  }

  /** Reads the whole body of a request. */
  async read(bodyId: number): Promise<Buffer> {
    const body = this.#arriving.get(bodyId);
    if (body === undefined) throw new Error(`no body ${bodyId} is open`);
    this.grant(bodyId, 1024 * 1024);
    const why = await body.end.promise;
    if (why !== undefined) throw new Error(why);
    return Buffer.concat(body.chunks);
  }

  /** The handler takes so many more bytes of a request's body. */
  grant(bodyId: number, bytes: number): void {
    this.#arriving.get(bodyId)?.onCredit(bytes);
  }

  /** The handler needs no more of a request's body. */
  cancel(bodyId: number): void {
    const body = this.#arriving.get(bodyId);
    this.#arriving.delete(bodyId);
    body?.onCancel();
  }

  /** The handler writes to the body of its response; bytes wait for credit. */
  write(body: number, bytes: Uint8Array): void {
    const leaving = this.#leaving.get(body);
    if (leaving === undefined) return;
    leaving.waiting.push(bytes);
    this.#pump(leaving);
  }

  /** The handler ends the body of its response. */
  end(body: number, why?: string): void {
    const leaving = this.#leaving.get(body);
    this.#leaving.delete(body);
    leaving?.onEnd(why);
  }

  #pump(leaving: ResponseBodyReceiver & { credit: number; waiting: Uint8Array[] }): void {
    for (let bytes = leaving.waiting[0]; bytes !== undefined; bytes = leaving.waiting[0]) {
      if (bytes.byteLength > leaving.credit) return;
      leaving.waiting.shift();
      leaving.credit -= bytes.byteLength;
      leaving.onChunk(bytes, () => undefined);
    }
  }
}
