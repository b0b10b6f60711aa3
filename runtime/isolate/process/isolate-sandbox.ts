/**
 * The isolate as the sandbox of an instance: translates between the port (instance/sandbox.ts) and the boundary of isolates
 * (web/host/boundary.ts).
 *
 * I1  Everything that the isolate posts is user input: numbers are converted here, values that the port calls `unknown`
 *     are passed on.
 * I2  Every entry counts for the request that it is made for (entries.ts), bytes of a response's body too.
 */
import { type FunctionConfig, messageOf } from "../../../contracts/index.ts";
import type { Sealer } from "../../../keys/index.ts";
import type { Nats } from "../../../nats/index.ts";
import type { OpenCalls, Peers, StreamPresence } from "../../../streams/index.ts";
import {
  AbortKind,
  type Answer,
  EnterOp,
  FailureKind,
  PostOp,
  splitAnswers,
  TRIGGERS,
} from "../../../web/index.ts";
import type { ServiceCalls } from "../../calls/service-calls.ts";
import type {
  AbortReason,
  IncomingRequest,
  RefusalReason,
  Sandbox,
  SandboxBodies,
  SandboxOwner,
  SandboxSockets,
  SandboxStart,
} from "../../instance/sandbox.ts";
import type { Isolate, OnPost } from "../engine.ts";
import type { RateLimits } from "../operations/bindings/rate-limits.ts";
import { createOperations } from "../operations/operations.ts";
import { closeCodeOf, closeReasonOf } from "./close-frame.ts";
import { Enforcement } from "./enforcement.ts";
import { Entries } from "./entries.ts";
import { createFullness, type Fullness } from "./fullness.ts";
import { createIsolateLink, type IsolateLink } from "./isolate-link.ts";
import type { KeyChannel } from "./key-channel.ts";
import { loadFunction } from "./load-function.ts";
import type { Pool } from "./pool.ts";
import { createRequestEnds } from "./request-ends.ts";
import { openInput } from "./sealed-input.ts";
import type { Watchdog } from "./watchdog.ts";

export interface IsolateSandboxOptions {
  nats: Nats;
  peers: Peers;
  presence: StreamPresence;
  calls: OpenCalls;
  services: ServiceCalls;
  rateLimits: RateLimits;
  keys: KeyChannel;
  pool: Pool;
  watchdog: Watchdog;
  egressDeny: readonly string[];
  config: FunctionConfig;
  secrets: Readonly<Record<string, string>>;
  bundle: Uint8Array;
  /** The isolate belongs to this instance from now on. Nothing runs in it yet. */
  onTaken(isolate: Isolate): void;
  /** The isolate was disposed, and its entry goes on all the same. */
  onRunaway(isolate: Isolate): void;
}

const ABORT_KINDS: Readonly<Record<AbortReason, number>> = {
  "client gone": AbortKind.clientGone,
  deadline: AbortKind.deadline,
  drain: AbortKind.drain,
  "drain endless": AbortKind.drainEndless,
  background: AbortKind.background,
};

export class IsolateSandbox implements Sandbox {
  readonly #options: IsolateSandboxOptions;
  readonly #owner: SandboxOwner;
  readonly #entries: Entries;
  readonly #enforcement: Enforcement;
  readonly #link: IsolateLink;
  readonly #fullness: Fullness;
  readonly #ends = createRequestEnds();
  readonly #sealer: Sealer;
  #isolate: Isolate | undefined;
  #onStopped: (() => void) | undefined;
  /** The number of the last message of a WebSocket. */
  #lastMessage = 0;

  constructor(options: IsolateSandboxOptions, owner: SandboxOwner) {
    const { limits } = options.config;
    this.#options = options;
    this.#sealer = options.keys.sealerOf(options.config.name);
    this.#owner = owner;
    this.#entries = new Entries({
      limits,
      watchdog: options.watchdog,
      onAnswers: (answers) => splitAnswers(answers, this.#onAnswer),
      onEnd: (...end) => this.#enforcement.settle(...end),
      onFailureOfOne: (...failure) => this.#enforcement.settleOneOf(...failure),
      onOverdrawn: (...usage) => this.#enforcement.overdraw(...usage),
      onLate: (id, usage) => this.#enforcement.late(id, usage),
      onGrowth: (bytes) => this.#enforcement.outgrow(bytes),
    });
    this.#enforcement = new Enforcement({
      owner,
      limits,
      entries: this.#entries,
      disposeIsolate: () => this.#isolate?.dispose(),
      onRunaway: () => this.#isolate && options.onRunaway(this.#isolate),
    });
    this.#fullness = createFullness({
      memoryMb: limits.memoryMb,
      usedBytes: async () => this.#isolate?.usedBytes(),
      probe: (bytes) => this.#entries.enter(0, EnterOp.probe, 0, bytes),
    });
    this.#link = this.#createLink();
  }

  #createLink(): IsolateLink {
    const { nats, peers, presence, calls, services, rateLimits, config, egressDeny } = this.#options;
    const { log } = this.#owner;
    return createIsolateLink({
      enter: (id, ...message) => this.#entries.enter(id, ...message),
      operations: createOperations({
        ...{ nats, peers, presence, calls, services, rateLimits, config, egressDeny },
        sealer: this.#sealer,
        endOf: (id) => (this.#owner.requests.isOver(id) ? undefined : this.#ends.signalOf(id)),
        hopsOf: (id) => this.#owner.requests.hopsOf(id),
        measure: this.#entries.measure,
        log: (text, requestId) => log.write("error", text, requestId),
      }),
      maxTimers: config.limits.timers,
      requestOf: (id) => this.#owner.requests.find(id),
      traces: {
        of: (id) => this.#owner.requests.traces?.of(id),
        call: (id) => this.#owner.requests.traces?.call(id),
      },
      onViolation: (violation) => this.#owner.condemn("ISOLATE_TAMPERED", undefined, violation),
      onCallError: (name, error) => log.write("error", `${name} failed: ${messageOf(error)}`, undefined),
    });
  }

  readonly bodies: SandboxBodies = {
    openRequest: (id, receiver) => this.#link.streams.openInbound(id, receiver),
    openResponse: (id, body, receiver) =>
      this.#link.streams.openOutbound(body, id, {
        ...receiver,
        onChunk: (bytes, done) => {
          this.#entries.extend(id, bytes.byteLength);
          receiver.onChunk(bytes, done);
        },
      }),
    discard: (id, body) => this.#link.streams.discard(body, id),
  };

  readonly sockets: SandboxSockets = {
    message: (id, data, onTaken) => this.#entries.enterThen(onTaken, id, EnterOp.socketMessage, id, data),
    grant: (id, bytes) => this.#entries.enter(id, EnterOp.socketCredit, id, bytes),
    close: (id, ...how) => this.#entries.enter(id, EnterOp.socketClose, id, ...how),
  };

  /** Takes an isolate and evaluates the function's module in it. */
  async start(): Promise<SandboxStart> {
    const { pool, config, bundle, secrets, onTaken } = this.#options;
    const beganAt = performance.now();
    const isolate = await pool.take(config.limits.memoryMb, this.#onPost);
    this.#isolate = isolate;
    this.#entries.into(isolate);
    onTaken(isolate);
    const takenAt = performance.now();
    const failure = await this.#enforcement.load(() => loadFunction(isolate, { config, bundle, secrets }));
    if (failure !== undefined) return { ok: false, ...failure };
    return { ok: true, phases: { isolate: takenAt - beganAt, load: performance.now() - takenAt } };
  }

  begin(id: number, { method, url, headerBlock, body, requestId, deadline, trigger }: IncomingRequest): void {
    this.#entries.open(id);
    const values = [id, method, url, headerBlock, body, requestId, deadline] as const;
    const opened = openInput(this.#sealer, this.#options.config.name, { url, headerBlock, body });
    if (trigger === undefined)
      this.#entries.enter(id, EnterOp.request, ...values, ...(opened === undefined ? [] : [opened]));
    else this.#entries.enter(id, EnterOp.trigger, ...values, TRIGGERS.indexOf(trigger));
  }

  isUnbegun(id: number): boolean {
    return this.#entries.isUnbegun(id);
  }

  abort(id: number, reason: AbortReason): void {
    this.#entries.enter(id, EnterOp.abort, id, ABORT_KINDS[reason]);
  }

  forget(id: number): void {
    this.#entries.forget(id);
    this.#ends.end(id);
    this.#fullness.look();
  }

  settle(): Promise<void> {
    return this.#enforcement.whenLoopEnds();
  }

  stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onStopped = resolve;
    this.#entries.enter(0, EnterOp.stop, 0);
    return promise;
  }

  dispose(): void {
    this.#ends.close();
    this.#link.close();
    this.#entries.close();
    this.#fullness.close();
    this.#isolate?.dispose();
  }

  /** User input. */
  readonly #onAnswer = ({ id, status, headerBlock, body }: Answer) =>
    status < 0
      ? this.#takeMessage(id, body, -status)
      : this.#owner.requests.respond(id, status, headerBlock, body);

  /** A message that came before has come again (web/host/batch.ts, I5). */
  #takeMessage(id: number, data: string | ArrayBuffer, number: number): void {
    if (!(number > this.#lastMessage)) return;
    this.#lastMessage = number;
    this.#owner.requests.socketMessage(id, data);
  }

  readonly #onPost: OnPost = (op, a, b, c, d) => {
    const { requests, log } = this.#owner;
    switch (op) {
      case PostOp.response:
        return requests.respond(Number(a), b, c, d);
      case PostOp.failure:
        if (b === FailureKind.outOfMemory) return this.#enforcement.outOfMemory(Number(a), String(c));
        return requests.refuse(Number(a), refusalOf(b), String(c));
      case PostOp.log:
        return log.write(a, b, requests.requestIdOf(Number(c)));
      case PostOp.dropped:
        return log.dropped(a);
      case PostOp.upgrade:
        return requests.upgrade(Number(a), b);
      case PostOp.socketMessage:
        if (typeof b === "string" || b instanceof ArrayBuffer) this.#takeMessage(Number(a), b, Number(c));
        return;
      case PostOp.socketClose:
        return requests.socketClose(Number(a), closeCodeOf(b), closeReasonOf(c));
      case PostOp.overMemory:
        return this.#enforcement.outgrowWasm(a);
      case PostOp.nearlyFull:
        return this.#enforcement.nearlyFull();
      case PostOp.stopped:
        return this.#onStopped?.();
      case PostOp.background:
        return requests.beginBackground(Number(a));
      case PostOp.backgroundDone:
        return requests.endBackground(Number(a));
      default:
        this.#link.receive(op, a, b, c, d);
    }
  };
}

/** An unknown kind counts as an exception. */
function refusalOf(kind: unknown): RefusalReason {
  if (kind === FailureKind.methodNotAllowed) return "method not allowed";
  if (kind === FailureKind.noHandler) return "no handler";
  return kind === FailureKind.noResponse ? "no response" : "threw";
}
