/**
 * The sandbox of a function in the mode `node`: a thread of this process, with Node's own modules. The thread has the handler; this
 * side has the login at NATS, the time limits, and the operations of bindings.
 *
 * I1  All that the thread posts is user input, as that of an isolate.
 * I2  A thread that ends by itself, or hits a limit, ends the instance (`condemn`), and the process after it.
 * I3  The thread takes requests in the order in which they were handed over, counts them before it looks at their deadlines, and
 *     begins none behind its deadline. So one beyond the count is not begun then.
 */
import { Worker } from "node:worker_threads";
import { type FunctionConfig, isErrorCode, messageOf } from "../../../../contracts/index.ts";
import type { Nats } from "../../../../nats/index.ts";
import type { OpenCalls, Peers, StreamPresence } from "../../../../streams/index.ts";
import { EnterOp, FailureKind, PostOp, TRIGGERS } from "../../../../web/index.ts";
import type { ServiceCalls } from "../../../calls/service-calls.ts";
import {
  type AbortReason,
  type IncomingRequest,
  type RefusalReason,
  refusalOfService,
  type Sandbox,
  type SandboxBodies,
  type SandboxOwner,
  type SandboxSockets,
  type SandboxStart,
} from "../../../instance/sandbox.ts";
import { createBindings } from "../../../isolate/operations/bindings/create-bindings.ts";
import { planEnv } from "../../../isolate/operations/bindings/plan-env.ts";
import type { RateLimits } from "../../../isolate/operations/bindings/rate-limits.ts";
import { countCalls, createSubrequests } from "../../../isolate/operations/subrequests.ts";
import { describeFetch } from "../../../isolate/process/call-spans.ts";
import { closeCodeOf, closeReasonOf } from "../../../isolate/process/close-frame.ts";
import type { HostOperations } from "../../../isolate/process/host-calls.ts";
import { createIsolateLink, type IsolateLink } from "../../../isolate/process/isolate-link.ts";
import type { KeyChannel } from "../../../isolate/process/key-channel.ts";
import { createRequestEnds } from "../../../isolate/process/request-ends.ts";
import { ABORT_REASONS, ThreadOp, type ThreadStart } from "../thread-messages.ts";
import { type ThreadWatch, watchThread } from "./thread-watch.ts";

export interface ThreadSandboxOptions {
  nats: Nats;
  peers: Peers;
  presence: StreamPresence;
  calls: OpenCalls;
  services: ServiceCalls;
  rateLimits: RateLimits;
  keys: KeyChannel;
  /** Rules of egress that win over the function's own. */
  egressDeny: readonly string[];
  /** Whether the node exports spans. */
  isTraced: boolean;
  /** Nothing of a service begins: it describes itself. Default: it is started. */
  isTrial?: boolean;
  config: FunctionConfig;
  secrets: Readonly<Record<string, string>>;
  bundle: Uint8Array;
  /** The program of the thread. */
  threadFile: string;
}

/** The part of `limits.memoryMb` that is for young objects. */
const YOUNG_MB = 8;
const MIN_OLD_MB = 16;
const STACK_MB = 4;

export class ThreadSandbox implements Sandbox {
  readonly #options: ThreadSandboxOptions;
  readonly #owner: SandboxOwner;
  readonly #link: IsolateLink;
  readonly #ends = createRequestEnds();
  /** The open requests, with their numbers in the order in which they were handed over. */
  readonly #open = new Map<number, bigint>();
  #handed = 0n;
  readonly #taken = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
  /** The messages of each WebSocket that the code has not taken. */
  readonly #untaken = new Map<number, (() => void)[]>();
  readonly #started = Promise.withResolvers<SandboxStart>();
  #isStarted = false;
  #onStopped: (() => void) | undefined;
  #worker: Worker | undefined;
  #watch: ThreadWatch | undefined;
  #isOver = false;

  constructor(options: ThreadSandboxOptions, owner: SandboxOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#link = createIsolateLink({
      enter: (_owner, ...message) => this.#enter(message),
      operations: this.#createOperations(),
      requestOf: (id) => owner.requests.find(id),
      traces: {
        of: (id) => owner.requests.traces?.of(id),
        call: (id) => owner.requests.traces?.call(id),
      },
      onViolation: (violation) => owner.condemn("ISOLATE_TAMPERED", undefined, violation),
      onCallError: (name, error) =>
        owner.log.write("error", `${name} failed: ${messageOf(error)}`, undefined),
    });
  }

  #createOperations(): HostOperations {
    const { nats, peers, presence, calls, services, rateLimits, keys, config } = this.#options;
    const { log } = this.#owner;
    const bindings = createBindings({
      streams: { nats, peers, presence, calls },
      services,
      ...{ rateLimits, config, sealer: keys.sealerOf(config.name) },
      endOf: (id) => (this.#owner.requests.isOver(id) ? undefined : this.#ends.signalOf(id)),
      hopsOf: (id) => this.#owner.requests.hopsOf(id),
    });
    return countCalls(
      bindings,
      createSubrequests({ config, log: (text, requestId) => log.write("error", text, requestId) }),
    );
  }

  get bodies(): SandboxBodies {
    const { streams } = this.#link;
    return {
      openRequest: (id, receiver) => streams.openInbound(id, receiver),
      openResponse: (id, body, receiver) => streams.openOutbound(body, id, receiver),
      discard: (id, body) => streams.discard(body, id),
    };
  }

  readonly sockets: SandboxSockets = {
    message: (id, data, onTaken) => {
      this.#untaken.set(id, [...(this.#untaken.get(id) ?? []), onTaken]);
      this.#enter([EnterOp.socketMessage, id, data]);
    },
    grant: (id, bytes) => this.#enter([EnterOp.socketCredit, id, bytes]),
    close: (id, ...how) => this.#enter([EnterOp.socketClose, id, ...how]),
  };

  async start(): Promise<SandboxStart> {
    const { config, secrets, bundle, threadFile } = this.#options;
    const { startMs, memoryMb } = config.limits;
    const env = planEnv(config, secrets, { isTrial: this.#options.isTrial === true });
    const { traces } = this.#options.config;
    const workerData: ThreadStart = {
      ...{ bundle, env, handsOnTraces: traces?.fetch !== false, taken: this.#taken },
      isTraced: this.#options.isTraced,
      egress: { allow: config.egress, deny: this.#options.egressDeny },
    };
    const worker = new Worker(threadFile, {
      workerData,
      env: env.values,
      resourceLimits: {
        maxOldGenerationSizeMb: Math.max(MIN_OLD_MB, memoryMb - YOUNG_MB),
        maxYoungGenerationSizeMb: YOUNG_MB,
        stackSizeMb: STACK_MB,
      },
    });
    this.#worker = worker;
    worker.on("message", this.#receive);
    worker.on("error", (error) => this.#onError(error));
    worker.on("exit", (code) => this.#end("CONSUMER_DIED", `its thread ended with the exit code ${code}`));
    const beganAt = performance.now();
    const timer = setTimeout(() => {
      const usedMs = Math.round(performance.now() - beganAt);
      const message = `the module's top level was not done after ${usedMs} ms; limits.startMs is ${startMs} ms`;
      this.#settle({ ok: false, code: "START_LIMIT", message });
    }, startMs);
    const started = await this.#started.promise;
    clearTimeout(timer);
    if (!started.ok) return started;
    this.#watch = this.#watchThread();
    const { description } = started;
    const phases = { load: performance.now() - beganAt };
    return { ok: true, phases, ...(description === undefined ? {} : { description }) };
  }

  begin(id: number, { method, url, headerBlock, body, requestId, deadline, trigger }: IncomingRequest): void {
    this.#handed += 1n;
    this.#open.set(id, this.#handed);
    const values = [id, method, url, headerBlock, body, requestId, deadline];
    if (trigger === undefined) this.#enter([EnterOp.request, ...values]);
    else this.#enter([EnterOp.trigger, ...values, TRIGGERS.indexOf(trigger)]);
  }

  abort(id: number, reason: AbortReason): void {
    this.#enter([EnterOp.abort, id, ABORT_REASONS.indexOf(reason)]);
  }

  isUnbegun(id: number): boolean {
    return (this.#open.get(id) ?? 0n) > Atomics.load(this.#taken, 0);
  }

  forget(id: number): void {
    this.#open.delete(id);
    for (const onTaken of this.#untaken.get(id) ?? []) onTaken();
    this.#untaken.delete(id);
    this.#ends.end(id);
    this.#enter([EnterOp.drop, id]);
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onStopped = resolve;
    this.#enter([EnterOp.stop, 0]);
    return promise;
  }

  dispose(): void {
    this.#isOver = true;
    this.#watch?.close();
    this.#ends.close();
    this.#link.close();
    this.#settle({ ok: false, code: "INSTANCE_DRAINING", message: "the host stopped meanwhile" });
    void this.#worker?.terminate();
  }

  #watchThread(): ThreadWatch {
    const { cpuMs, timeoutMs, memoryMb } = this.#options.config.limits;
    return watchThread({
      ...{ cpuMs, timeoutMs, memoryMb },
      isBusy: () => this.#open.size > 0,
      ping: (number) => this.#enter([ThreadOp.ping, number]),
      onStuck: (why) => this.#end("CPU_LIMIT", why),
      onMemory: (why) => this.#end("MEMORY_LIMIT", why),
    });
  }

  #enter(message: readonly unknown[]): void {
    const [op, , bytes] = message;
    const transfer = op === EnterOp.chunk && bytes instanceof ArrayBuffer ? [bytes] : [];
    this.#worker?.postMessage(message, transfer);
  }

  #onError(error: unknown): void {
    const { memoryMb } = this.#options.config.limits;
    const isMemory = (error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY";
    if (isMemory)
      this.#end("MEMORY_LIMIT", `it used more than ${memoryMb} MB; limits.memoryMb is ${memoryMb} MB`);
    else this.#end("CONSUMER_DIED", `its thread ended: ${messageOf(error)}`);
  }

  /** The thread is not to be used any more (I2). */
  #end(code: "CONSUMER_DIED" | "CPU_LIMIT" | "MEMORY_LIMIT", why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch?.close();
    if (this.#isStarted) this.#owner.condemn(code, undefined, why);
    else
      this.#settle({
        ok: false,
        code: code === "CONSUMER_DIED" ? "FUNCTION_START_FAILED" : code,
        message: why,
      });
    void this.#worker?.terminate();
  }

  #settle(start: SandboxStart): void {
    this.#isStarted = start.ok;
    this.#started.resolve(start);
  }

  /** A message of the thread: user input. */
  readonly #receive = (message: unknown) => {
    if (!Array.isArray(message) || this.#isOver) return;
    const [op, a, b, c, d] = message as [number, ...unknown[]];
    const { requests, log } = this.#owner;
    const id = Number(a);
    switch (op) {
      case PostOp.response:
        return requests.respond(id, b, c, d);
      case PostOp.failure:
        return requests.refuse(id, refusalOf(b), String(c));
      case PostOp.log:
        return log.write(a, b, requests.requestIdOf(Number(c)));
      case PostOp.upgrade:
        return requests.upgrade(id, b);
      case PostOp.socketMessage:
        if (typeof b === "string" || b instanceof ArrayBuffer) requests.socketMessage(id, b);
        return;
      case PostOp.socketClose:
        return requests.socketClose(id, closeCodeOf(b), closeReasonOf(c));
      case PostOp.stopped:
        return this.#onStopped?.();
      case PostOp.background:
        return requests.beginBackground(id);
      case PostOp.backgroundDone:
        return requests.endBackground(id);
      default:
        return this.#receiveOwn(op, ...message.slice(1));
    }
  };

  readonly #receiveOwn = (op: number, ...values: unknown[]) => {
    const { requests, log } = this.#owner;
    const [a, b, c, d] = values;
    switch (op) {
      case ThreadOp.started:
        return this.#settle(startOf(a));
      case ThreadOp.failed:
        return requests.fail(Number(a), isErrorCode(b) ? b : "INTERNAL");
      case ThreadOp.wrote:
        return log.write(a, b, typeof c === "string" ? c : undefined);
      case ThreadOp.taken:
        return this.#untaken.get(Number(a))?.shift()?.();
      case ThreadOp.fetched:
        return requests.traces?.called?.(Number(a), String(b), Number(c), describeFetch(values.slice(3)));
      case ThreadOp.pong:
        return this.#watch?.pong(Number(a));
      default:
        this.#link.receive(op, a, b, c, d);
    }
  };
}

/** The report of a start: user input. */
function startOf(value: unknown): SandboxStart {
  const { ok, code, message, stack, description } = (value ?? {}) as Record<string, unknown>;
  if (ok === true)
    return { ok: true, phases: {}, ...(typeof description === "string" ? { description } : {}) };
  const refusal = { reason: String(message), stack: typeof stack === "string" ? stack : undefined };
  return {
    ok: false,
    ...refusalOfService({ code: String(code), ...refusal }),
    ...(code === "NO_HANDLER" ? { code } : {}),
  };
}

/** An unknown kind counts as an exception. */
function refusalOf(kind: unknown): RefusalReason {
  if (kind === FailureKind.methodNotAllowed) return "method not allowed";
  if (kind === FailureKind.noHandler) return "no handler";
  return kind === FailureKind.noResponse ? "no response" : "threw";
}
