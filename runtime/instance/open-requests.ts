/**
 * The requests that an instance has taken and not finished.
 *
 * I1  Every request gets one answer (open-request.ts). It is over when its answer was sent whole, its stream ended, or its
 *     caller is gone.
 * I2  A report about a request that is not open, or was answered, is ignored. A stream or socket that comes with it is
 *     cancelled, so that its source does not wait for ever.
 * I3  Background work (`ctx.waitUntil`) keeps the instance busy, and never the answer, for its time limit at most.
 */
import { type ErrorCode, type FunctionConfig, NumberTable } from "../../contracts/index.ts";
import type { RequestWay } from "../host.ts";
import { type BackgroundWork, createBackgroundWork } from "./background-work.ts";
import { Deadlines } from "./deadlines.ts";
import { FinishedIds } from "./finished-ids.ts";
import type { FunctionLog } from "./function-logs.ts";
import type { IncomingCall } from "./incoming-call.ts";
import type { InstanceTraces } from "./instance-traces.ts";
import { CLOSED_ABNORMALLY, OpenRequest, type RequestParts } from "./open-request.ts";
import type { RequestCounts } from "./request-counts.ts";
import type { Answers, RefusalReason, RequestFacts, Sandbox } from "./sandbox.ts";

export interface OpenRequestsOptions {
  config: Pick<FunctionConfig, "name" | "limits">;
  log: FunctionLog;
  sandbox: Sandbox;
  traces: InstanceTraces;
  /** Default: they are not counted. */
  counts?: RequestCounts | undefined;
  /** A place became free. */
  onFreed?(): void;
}

export class OpenRequests implements Answers, RequestFacts {
  readonly #options: OpenRequestsOptions;
  readonly #parts: RequestParts;
  readonly #background: BackgroundWork;
  readonly #open = new NumberTable<OpenRequest>();
  readonly #finished = new FinishedIds();
  readonly #deadlines = new Deadlines(() => this.#open.values());
  #calls = 0;
  #nextId = 1;
  #lastHops = 0;
  #isDraining = false;
  #lastBusyAt = Date.now();
  #whenEmpty: (() => void) | undefined;

  constructor(options: OpenRequestsOptions) {
    const { config, log, sandbox, counts, onFreed = () => undefined } = options;
    this.#options = options;
    const isDraining = () => this.#isDraining;
    this.#parts = {
      config,
      counts,
      log,
      sandbox,
      onHeadOut: onFreed,
      deadlines: this.#deadlines,
      get isDraining() {
        return isDraining();
      },
      onOver: (request) => this.#forget(request),
    };
    this.#background = createBackgroundWork(config.limits.waitUntilMs, {
      onOver: (id) => {
        if (!this.#open.has(id)) this.#drop(id);
        this.#checkIdle();
      },
      onLimit: (id) => this.#onBackgroundLimit(id),
    });
  }

  get traces(): InstanceTraces {
    return this.#options.traces;
  }

  /** The number of requests that are open, or have background work. */
  get size(): number {
    return this.#open.size + this.#background.size;
  }

  /** The time since which `size` is 0, in epoch milliseconds; undefined while it is not. */
  get idleSince(): number | undefined {
    return this.size === 0 ? this.#lastBusyAt : undefined;
  }

  /**
   * Whether a call has room. An answer that streams takes no place. Nor does a call whose request, by its id, has come here before:
   * it is made on behalf of that one, which would wait for it in vain.
   */
  hasRoom(concurrency: number, requestId: string | undefined): boolean {
    if (this.#open.size < concurrency) return true;
    let waiting = 0;
    for (const request of this.#open.values()) {
      if (requestId !== undefined && request.requestId === requestId) return true;
      if (!request.isHeadOut) waiting += 1;
    }
    return waiting < concurrency;
  }

  /** The number of calls of functions and clients that are open. */
  get calls(): number {
    return this.#calls;
  }

  /** Places that no request has. An answer that streams takes none, nor does a body that its handler waits for. */
  freePlaces(concurrency: number): number {
    if (this.#open.size < concurrency) return concurrency - this.#open.size;
    return Math.max(0, concurrency - this.countPlaces());
  }

  /** Counts the requests that have a place. */
  countPlaces(): number {
    let taken = 0;
    for (const { isHeadOut, isBodyAwaited } of this.#open.values())
      if (!isHeadOut && !isBodyAwaited) taken += 1;
    return taken;
  }

  /** Takes a request and begins its handler. */
  take(call: IncomingCall, way: RequestWay): void {
    const { config } = this.#options;
    const { timeoutMs, streamMs } = config.limits;
    const id = this.#nextId++;
    const incoming = call.read(config.name, timeoutMs + (call.hasStreamedBody ? streamMs : 0));
    this.#options.traces.open(id, incoming);
    const request = new OpenRequest(this.#parts, id, incoming, call, way);
    this.#lastHops = request.hops;
    this.#open.set(id, request);
    if (way === "call") this.#calls += 1;
    request.begin(incoming);
  }

  respond(id: number, status: unknown, headerBlock: unknown, body: unknown): void {
    const request = this.#open.get(id);
    if (request === undefined) this.#options.sandbox.bodies.discard(id, body);
    else request.respond(status, headerBlock, body);
  }

  refuse(id: number, reason: RefusalReason, text: string): void {
    this.#open.get(id)?.refuse(reason, text);
  }

  upgrade(id: number, headerBlock: unknown): void {
    const request = this.#open.get(id);
    if (request === undefined) this.#options.sandbox.sockets.close(id, CLOSED_ABNORMALLY, "", false);
    else request.upgrade(headerBlock);
  }

  socketMessage(id: number, data: string | ArrayBuffer): void {
    this.#open.get(id)?.socketMessage(data);
  }

  socketClose(id: number, code: number, reason: string): void {
    this.#open.get(id)?.socketClose(code, reason);
  }

  beginBackground(id: number): void {
    if (this.#open.has(id)) this.#background.begin(id);
  }

  endBackground(id: number): void {
    this.#background.end(id);
  }

  fail(id: number, code: ErrorCode): void {
    this.#open.get(id)?.fail(code);
  }

  /** Tells handlers that the instance drains: all, or the handlers whose answers stream now or later. */
  warn(whom: "streaming" | "all"): void {
    this.#isDraining = true;
    for (const request of this.#open.values()) if (request.isHeadOut || whom === "all") request.warn();
  }

  failAll(code: ErrorCode, whom: "all" | "sockets" = "all"): void {
    for (const request of this.#open.values()) if (whom === "all" || request.isSocket) request.fail(code);
    if (whom !== "all") return;
    this.#background.close();
    this.#deadlines.close();
  }

  requestIdOf(id: number | undefined): string | undefined {
    return id === undefined ? undefined : (this.#open.get(id)?.requestId ?? this.#finished.find(id));
  }

  find(id: number): ReturnType<RequestFacts["find"]> {
    const request = this.#open.get(id);
    return request && { id: request.requestId, endsAtMs: request.takenAtMs + request.timeoutMs };
  }

  isOver(id: number): boolean {
    return !this.#open.has(id) && !this.#background.has(id);
  }

  hopsOf(id: number): number {
    return this.#open.get(id)?.hops ?? this.#lastHops;
  }

  /** Resolves when nothing is open any more, or after the grace. */
  async empty(graceMs: number): Promise<void> {
    if (this.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const limit = setTimeout(resolve, graceMs);
    this.#whenEmpty = resolve;
    await promise;
    clearTimeout(limit);
  }

  #forget(request: OpenRequest): void {
    const { id, requestId, method, status, failure, way } = request;
    request.counted?.(failure ?? status ?? "NO_ANSWER", performance.now() - request.takenAtMs);
    this.#open.delete(id);
    if (way === "call") this.#calls -= 1;
    this.#finished.add(id, requestId);
    this.#options.traces.over(id, { method, status, error: failure });
    if (this.#background.has(id)) this.#background.outlive(id);
    else this.#drop(id);
    this.#checkIdle();
    this.#options.onFreed?.();
  }

  #drop(id: number): void {
    this.#options.traces.forget(id);
    this.#options.sandbox.forget(id);
  }

  #onBackgroundLimit(id: number): void {
    const { log, sandbox, config } = this.#options;
    const limit = `it went on for limits.waitUntilMs (${config.limits.waitUntilMs} ms) after the response`;
    log.write("error", `WAIT_UNTIL_LIMIT: ${limit}`, this.requestIdOf(id));
    sandbox.abort(id, "background");
  }

  #checkIdle(): void {
    if (this.size > 0) return;
    this.#lastBusyAt = Date.now();
    this.#whenEmpty?.();
  }
}
