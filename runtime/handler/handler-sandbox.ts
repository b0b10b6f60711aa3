/**
 * A handler that runs in this very process, as the sandbox of an instance: `Request` and `Response` are Node's own.
 *
 * I1  At most `concurrency` handlers are under way. A further request waits its turn: several gateways may each send as many,
 *     and other clients as many as they like.
 * I2  A handler holds its turn until it has answered. A body that streams, and a WebSocket, hold none.
 * I3  The values that a handler gives are checked by the instance. This file checks that they have the form of a response.
 */
import type { ErrorCode, TriggerKind } from "../../contracts/index.ts";
import type { Context } from "../../functions/sdk/index.ts";
import type {
  AbortReason,
  IncomingRequest,
  Sandbox,
  SandboxBodies,
  SandboxOwner,
  SandboxSockets,
  SandboxStart,
} from "../instance/sandbox.ts";
import { ArrivingBody } from "./arriving-body.ts";
import { errorText } from "./error-text.ts";
import { type BegunBody, beginBody, begunOf, LeavingBody } from "./leaving-body.ts";
import { requestOf } from "./request-of.ts";
import {
  describeValue,
  HandlerMissing,
  MethodNotAllowed,
  type ResponseParts,
  responseParts,
} from "./response-parts.ts";
import type { ServerSocket } from "./server-socket.ts";
import { blockOf, Serving } from "./serving.ts";

/** Answers a request: a `Response`, or a promise of one. */
export type Handle = (request: Request, context: Context) => unknown;

/** The handlers of the code. */
export interface Handlers {
  fetch: Handle;
  /** The description of a service, in a trial. */
  description?: string;
  /** Left out where the code takes no triggers. */
  trigger?: (kind: TriggerKind, request: Request, context: Context) => Promise<TriggerResult>;
}

/** An answer. `threw`: the error of the handler. */
interface TriggerResult {
  response: unknown;
  threw?: { error: unknown };
}

/** Finds the handlers. Rejects where there are none. */
export type LoadHandlers = () => Promise<Handlers | Extract<SandboxStart, { ok: false }>>;

export interface HandlerSandboxOptions {
  /** Upper bound of the handlers that are under way. Default: none. */
  concurrency?: number | undefined;
  load: LoadHandlers;
  /** Ends the code after its last request. Default: there is nothing to end. */
  stop?: () => Promise<void>;
  /** Runs work on behalf of a request. Default: nothing is kept of it. */
  within?: <T>(id: number, work: () => T) => T;
  /** A handler threw, or its work after the answer. */
  onError?: (error: unknown, requestId: string) => void;
}

interface Open {
  serving: Serving;
  /** The request waits for its turn. */
  waiting: IncomingRequest | undefined;
  body: ArrivingBody | undefined;
  stream: ReadableStream | undefined;
  hasTurn: boolean;
}

export class HandlerSandbox implements Sandbox {
  readonly #options: HandlerSandboxOptions;
  readonly #owner: SandboxOwner;
  readonly #open = new Map<number, Open>();
  readonly #waiting: Open[] = [];
  readonly #arriving = new Map<number, ArrivingBody>();
  readonly #begun = new Map<number, BegunBody>();
  readonly #leaving = new Map<number, LeavingBody>();
  readonly #sockets = new Map<number, ServerSocket>();
  #handlers: Handlers | undefined;
  #turns: number;
  #lastBody = 0;

  constructor(options: HandlerSandboxOptions, owner: SandboxOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#turns = options.concurrency ?? Number.POSITIVE_INFINITY;
  }

  readonly bodies: SandboxBodies = {
    openRequest: (_id, receiver) => {
      const body = new ArrivingBody(++this.#lastBody, receiver);
      this.#arriving.set(body.id, body);
      return body;
    },
    openResponse: (id, body, receiver) => {
      const begun = this.#begun.get(Number(body));
      if (begun === undefined) return undefined;
      this.#begun.delete(Number(body));
      const leaving = new LeavingBody(begun, receiver, {
        trailers: () => this.#open.get(id)?.serving.trailerBlock,
        onOver: () => this.#leaving.delete(Number(body)),
      });
      this.#leaving.set(Number(body), leaving);
      return leaving;
    },
    discard: (_id, body) => {
      const begun = this.#begun.get(Number(body));
      this.#begun.delete(Number(body));
      void begun?.reader
        .cancel(new DOMException("The answer is not needed", "AbortError"))
        .catch(() => undefined);
    },
  };

  readonly sockets: SandboxSockets = {
    message: (id, data, onTaken) => {
      const socket = this.#sockets.get(id);
      if (socket === undefined) onTaken();
      else this.#within(id, () => socket.receive(data, onTaken));
    },
    grant: (id, bytes) => this.#sockets.get(id)?.grant(bytes),
    close: (id, code, reason, wasClean) => {
      const socket = this.#sockets.get(id);
      this.#sockets.delete(id);
      this.#within(id, () => socket?.end(code, reason, wasClean));
    },
  };

  /** Gives the body of an answer away; undefined where it was opened already. */
  takeBody(body: number): BegunBody | undefined {
    const begun = this.#begun.get(body);
    this.#begun.delete(body);
    return begun;
  }

  /** The fields after the body of a streamed answer. */
  trailersOf(id: number): string | undefined {
    return this.#open.get(id)?.serving.trailerBlock;
  }

  async start(): Promise<SandboxStart> {
    const beganAt = performance.now();
    const loaded = await this.#options.load();
    if ("ok" in loaded) return loaded;
    this.#handlers = loaded;
    const { description } = loaded;
    const phases = { load: performance.now() - beganAt };
    return { ok: true, phases, ...(description === undefined ? {} : { description }) };
  }

  /** `stream`: the body, where it did not come by `bodies.openRequest`. */
  begin(id: number, request: IncomingRequest, stream?: ReadableStream): void {
    const { requests, log } = this.#owner;
    const { requestId, deadline } = request;
    const serving = new Serving(
      { id, requestId, deadline },
      {
        begin: () => requests.beginBackground(id),
        end: () => requests.endBackground(id),
        failed: (error) => {
          this.#options.onError?.(error, requestId);
          log.write("error", `work of ctx.waitUntil failed: ${errorText(error)}`, requestId);
        },
      },
    );
    const body = typeof request.body === "number" ? this.#arriving.get(request.body) : undefined;
    if (body !== undefined) this.#arriving.delete(body.id);
    const open: Open = { serving, waiting: request, body, stream: stream ?? body?.stream, hasTurn: false };
    this.#open.set(id, open);
    this.#waiting.push(open);
    this.#next();
  }

  abort(id: number, reason: AbortReason): void {
    const open = this.#open.get(id);
    if (open !== undefined) this.#within(id, () => open.serving.abort(reason));
  }

  forget(id: number): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    open.body?.end("the request is over");
    open.waiting = undefined;
    this.#open.delete(id);
    this.#sockets.delete(id);
    // A handler that goes on after its time holds its turn no longer: others would wait for it.
    this.#endTurn(open);
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    try {
      await this.#options.stop?.();
    } catch (error) {
      this.#options.onError?.(error, "stop");
      this.#owner.log.write("error", `onStop failed: ${errorText(error)}`, undefined);
    }
  }

  dispose(): void {
    for (const { serving, body } of this.#open.values()) {
      serving.abort("drain endless");
      body?.close();
    }
    for (const body of this.#arriving.values()) body.close();
    for (const body of [...this.#leaving.values()]) body.close();
    for (const begun of this.#begun.values()) void begun.reader.cancel().catch(() => undefined);
    for (const socket of this.#sockets.values()) socket.end(1001, "", false);
    this.#open.clear();
    this.#waiting.length = 0;
    this.#sockets.clear();
  }

  #within<T>(id: number, work: () => T): T {
    const { within } = this.#options;
    return within === undefined ? work() : within(id, work);
  }

  /** Begins the handlers of waiting requests (I1). */
  #next(): void {
    while (this.#turns > 0) {
      const open = this.#waiting.shift();
      if (open === undefined) return;
      const { waiting } = open;
      // It is over: its caller is gone, or its time.
      if (waiting === undefined) continue;
      open.waiting = undefined;
      open.hasTurn = true;
      this.#turns -= 1;
      void this.#within(open.serving.id, () => this.#run(open, waiting));
    }
  }

  #endTurn(open: Open): void {
    if (!open.hasTurn) return;
    open.hasTurn = false;
    this.#turns += 1;
    this.#next();
  }

  async #run(open: Open, incoming: IncomingRequest): Promise<void> {
    const { serving } = open;
    try {
      const request = requestOf(incoming, open.stream, serving.signal);
      if (typeof request === "string") return this.#fail(serving, request);
      const value = await this.#call(incoming, request, serving);
      const parts = responseParts(value);
      this.#endTurn(open);
      if (parts === undefined) {
        const why = `it returned ${describeValue(value)}`;
        return this.#owner.requests.refuse(serving.id, "no response", why);
      }
      await this.#answer(serving, parts);
    } catch (error) {
      this.#threw(serving, error);
    } finally {
      this.#endTurn(open);
    }
  }

  async #call({ trigger }: IncomingRequest, request: Request, serving: Serving): Promise<unknown> {
    const { context, requestId } = serving;
    if (trigger === undefined) return this.#handlers?.fetch(request, context);
    const take = this.#handlers?.trigger;
    if (take === undefined) throw new HandlerMissing(trigger);
    const { response, threw } = await take(trigger, request, context);
    if (threw === undefined) return response;
    this.#options.onError?.(threw.error, requestId);
    this.#owner.log.write("error", errorText(threw.error), requestId);
    return response;
  }

  async #answer(serving: Serving, { status, headers, body, socket }: ResponseParts): Promise<void> {
    const { id } = serving;
    const { requests } = this.#owner;
    const headerBlock = blockOf(headers);
    if (socket !== undefined) return this.#upgrade(id, headerBlock, socket);
    if (body === null) return requests.respond(id, status, headerBlock, undefined);
    const begun = await beginBody(body);
    const isWhole = begun instanceof Uint8Array;
    // Trailers follow a stream only.
    if (isWhole && !serving.trailerBlock) return requests.respond(id, status, headerBlock, bufferOf(begun));
    const bodyId = ++this.#lastBody;
    this.#begun.set(bodyId, isWhole ? begunOf(begun) : begun);
    requests.respond(id, status, headerBlock, bodyId);
  }

  #upgrade(id: number, headerBlock: string, socket: ServerSocket): void {
    const { requests } = this.#owner;
    this.#sockets.set(id, socket);
    requests.upgrade(id, headerBlock);
    // The instance has refused it, and has closed the socket.
    if (!this.#sockets.has(id)) return;
    socket.connect({
      message: (data) => requests.socketMessage(id, data),
      close: (code, reason) => requests.socketClose(id, code, reason),
    });
  }

  #fail({ id }: Serving, code: ErrorCode): void {
    this.#owner.requests.fail(id, code);
  }

  #threw({ id, requestId }: Serving, error: unknown): void {
    const { requests } = this.#owner;
    const isMethod = error instanceof MethodNotAllowed;
    if (isMethod) requests.refuse(id, "method not allowed", error.allow);
    else if (error instanceof HandlerMissing) requests.refuse(id, "no handler", error.name);
    // The error of a handler that was aborted is the abort.
    else if (this.#open.has(id)) {
      this.#options.onError?.(error, requestId);
      requests.refuse(id, "threw", errorText(error));
    }
  }
}

/** The bytes alone: a view may share its memory with others. */
function bufferOf(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) return buffer;
  return new Uint8Array(bytes).buffer;
}
