/**
 * One instance: a function's module in a sandbox, behind a NATS Micro service.
 *
 * I1  Every request that is taken gets exactly one reply: the handler's, or an error when it fails, runs into its
 *     deadline or a limit, or the sandbox ends.
 * I2  `ready` is announced after the module was evaluated and the subscriptions are live on the server.
 * I3  A draining instance finishes what it took, and what the server had already sent to it; a condemned one (it hit
 *     a limit) refuses what comes with INSTANCE_DRAINING, which proves to the sender that it was not started.
 * I4  After `gone` nothing of the instance is left: no subscription, no timer, no isolate.
 */
import {
  type Announcement,
  type ErrorCode,
  endpointNames,
  errorEntry,
  type FunctionConfig,
  type GoneReason,
  type InstanceMetadata,
  type InstanceStats,
  serviceVersion,
  subjects,
} from "../../../../contracts/index.ts";
import { type Message, type MicroService, type Nats, registerMicroService } from "../../../../nats/index.ts";
import { EnterOp, FailureKind, PostOp } from "../../../platform/boundary.ts";
import type { StartOutcome } from "../../host.ts";
import type { EntryOutcome, Sandbox } from "../engine.ts";
import { createFunctionLog, type FunctionLog } from "./function-logs.ts";
import { createIsolateTimers } from "./isolate-timers.ts";
import { loadFunction } from "./load-function.ts";
import type { Pool } from "./pool.ts";
import {
  type Reply,
  replyFromError,
  replyFromResponse,
  replyMethodNotAllowed,
  replySize,
} from "./reply-to-message.ts";
import { requestFromMessage } from "./request-from-message.ts";
import type { SourceMaps } from "./source-maps.ts";

export interface InstanceOptions {
  nats: Nats;
  node: string;
  pool: Pool;
  sourceMaps: SourceMaps;
  instance: string;
  revision: string;
  config: FunctionConfig;
  bundle: Uint8Array;
  onIdle(): void;
  onGone(reason: GoneReason, code?: ErrorCode): void;
}

export interface Instance {
  drain(reason: GoneReason, graceMs: number): Promise<void>;
}

interface OpenRequest {
  requestId: string;
  timer: NodeJS.Timeout;
  finish(reply: Reply, error?: ErrorCode): void;
}

type Phase = "starting" | "ready" | "draining" | "condemned" | "gone";

/** How long a condemned instance's other requests may go on. */
const CONDEMNED_GRACE_MS = 5_000;

/** Starts an instance; where that fails nothing of it is left. */
export async function startInstance(
  options: InstanceOptions,
): Promise<{ outcome: StartOutcome; instance?: Instance }> {
  const { config, pool, bundle, sourceMaps, revision } = options;
  const log = createFunctionLog({ ...options, function: config.name });
  const live = createLiveInstance(options, log);
  const startedAt = performance.now();
  const sandbox = await pool.take(config.limits.memoryMb, live.onPost);
  live.adopt(sandbox);
  const takenAt = performance.now();
  const failure = await loadFunction(sandbox, config, bundle);
  if (failure !== undefined) {
    live.abandon();
    const stack = failure.stack === undefined ? undefined : await sourceMaps.map(revision, failure.stack);
    log.write("error", stack ?? failure.message, undefined);
    return {
      outcome: {
        ok: false,
        code: failure.code,
        message: failure.message,
        ...(stack === undefined ? {} : { stack }),
      },
    };
  }
  const loadedAt = performance.now();
  await live.open();
  const phases = {
    isolate: takenAt - startedAt,
    load: loadedAt - takenAt,
    register: performance.now() - loadedAt,
  };
  live.announceReady(phases);
  return { outcome: { ok: true, phases }, instance: live };
}

function createLiveInstance(options: InstanceOptions, log: FunctionLog) {
  const { nats, node, instance, revision, config, sourceMaps } = options;
  const { limits, scale } = config;
  const requests = new Map<number, OpenRequest>();
  let phase: Phase = "starting";
  let sandbox: Sandbox | undefined;
  let service: MicroService | undefined;
  let nextId = 1;
  let lastActiveAt = Date.now();
  let idleTimer: NodeJS.Timeout | undefined;
  let whenEmpty: (() => void) | undefined;

  const announce = (state: Partial<Announcement>) => {
    const announcement = { function: config.name, instance, node, revision, at: Date.now(), ...state };
    nats.publish(subjects.announcement(config.name, instance), JSON.stringify(announcement));
  };

  const timers = createIsolateTimers((id) => {
    void sandbox?.enter(limits.cpuMs, EnterOp.timer, id).then((outcome) => settle(outcome, undefined));
  });

  const take = (message: Message, done: (error?: string) => void) => {
    if (phase === "condemned" || phase === "gone" || sandbox === undefined) {
      const reply = replyFromError("INSTANCE_DRAINING");
      message.respond(reply.data, reply.headers);
      return done();
    }
    const id = nextId++;
    const request = requestFromMessage(message, config.name, limits.timeoutMs);
    const finish = (reply: Reply, error?: ErrorCode) => {
      if (!requests.delete(id)) return;
      clearTimeout(timer);
      lastActiveAt = Date.now();
      message.respond(reply.data, reply.headers);
      done(error === undefined ? undefined : `${error}: ${errorEntry(error).title}`);
      if (requests.size === 0) whenEmpty?.();
    };
    const timer = setTimeout(() => fail(id, "DEADLINE_EXCEEDED"), Math.max(0, request.deadline - Date.now()));
    requests.set(id, { requestId: request.requestId, timer, finish });
    void sandbox
      .enter(
        limits.cpuMs,
        EnterOp.request,
        id,
        request.method,
        request.url,
        request.headerBlock,
        request.body,
        request.requestId,
        request.deadline,
      )
      .then((outcome) => settle(outcome, id));
  };

  const fail = (id: number, code: ErrorCode) => requests.get(id)?.finish(replyFromError(code), code);
  const failAll = (code: ErrorCode) => {
    for (const id of [...requests.keys()]) fail(id, code);
  };

  /** What an entry's end means for the requests and the instance. `id` is the request that the entry was for. */
  const settle = (outcome: EntryOutcome, id: number | undefined) => {
    switch (outcome.kind) {
      case "ok":
      case "disposed":
        return;
      case "uncaught":
        return void logStack(outcome.stack, id === undefined ? undefined : requests.get(id)?.requestId);
      case "cpu-limit":
        log.write(
          "error",
          `CPU_LIMIT: over limits.cpuMs (${limits.cpuMs} ms) without a pause`,
          requests.get(id ?? 0)?.requestId,
        );
        if (id === undefined) failAll("CPU_LIMIT");
        else fail(id, "CPU_LIMIT");
        return void condemn("CPU_LIMIT");
      case "memory-limit":
        if (phase === "gone") return;
        log.write("error", `MEMORY_LIMIT: over limits.memoryMb (${limits.memoryMb} MB)`, undefined);
        failAll("MEMORY_LIMIT");
        return void condemn("MEMORY_LIMIT");
    }
  };

  const logStack = async (stack: string, requestId: string | undefined) =>
    log.write("error", await sourceMaps.map(revision, stack), requestId);

  /** The sandbox cannot be trusted any more: nothing new enters it. */
  const condemn = async (code: ErrorCode) => {
    if (phase === "condemned" || phase === "gone") return;
    phase = "condemned";
    announce({ state: "draining" });
    await end("crashed", CONDEMNED_GRACE_MS, code);
  };

  const end = async (reason: GoneReason, graceMs: number, code?: ErrorCode) => {
    clearTimeout(idleTimer);
    // A connection that is away cannot say that it has drained; what it sent before is answered all the same.
    await service?.drain().catch(() => undefined);
    if (requests.size > 0) await emptyWithin(graceMs);
    failAll("CONSUMER_DIED");
    if (phase === "gone") return;
    phase = "gone";
    service?.close();
    timers.close();
    sandbox?.dispose();
    announce({ state: "gone", reason, ...(code === undefined ? {} : { code }) });
    options.onGone(reason, code);
  };

  const emptyWithin = (graceMs: number) =>
    new Promise<void>((resolve) => {
      const limit = setTimeout(resolve, graceMs);
      whenEmpty = () => {
        clearTimeout(limit);
        resolve();
      };
    });

  const watchIdle = (afterMs: number) => {
    idleTimer = setTimeout(() => {
      const idleMs = requests.size > 0 ? 0 : Date.now() - lastActiveAt;
      const wantedMs = scale.idleSeconds * 1_000;
      if (idleMs < wantedMs) return watchIdle(wantedMs - idleMs);
      options.onIdle();
      // The runner may keep it (`scale.min`): asked again later.
      watchIdle(wantedMs);
    }, afterMs);
  };

  const onPost = (op: unknown, a: unknown, b: unknown, c: unknown, d: unknown) => {
    switch (op) {
      case PostOp.response:
        return respond(Number(a), b, c, d);
      case PostOp.failure:
        return refuse(Number(a), b, String(c));
      case PostOp.log:
        return log.write(a, b, requests.get(Number(c))?.requestId);
      case PostOp.setTimer:
        return phase === "gone" ? undefined : timers.set(Number(a), Number(b));
      case PostOp.clearTimer:
        return timers.clear(Number(a));
    }
  };

  const respond = (id: number, status: unknown, headerBlock: unknown, body: unknown) => {
    const request = requests.get(id);
    if (request === undefined) return;
    const reply = replyFromResponse(status, headerBlock, body);
    if (reply === undefined) {
      log.write(
        "error",
        "BAD_REPLY: the response has a header field or status that HTTP cannot carry",
        request.requestId,
      );
      return request.finish(replyFromError("BAD_REPLY"), "BAD_REPLY");
    }
    const size = replySize(reply);
    if (size > nats.maxPayload) {
      log.write(
        "error",
        `RESPONSE_TOO_LARGE: ${size} bytes; one message carries ${nats.maxPayload}`,
        request.requestId,
      );
      return request.finish(replyFromError("RESPONSE_TOO_LARGE"), "RESPONSE_TOO_LARGE");
    }
    request.finish(reply);
  };

  const refuse = (id: number, kind: unknown, text: string) => {
    const request = requests.get(id);
    if (request === undefined) return;
    if (kind === FailureKind.methodNotAllowed) return request.finish(replyMethodNotAllowed(text));
    const code = kind === FailureKind.noResponse ? "HANDLER_RETURNED_NO_RESPONSE" : "HANDLER_THREW";
    request.finish(replyFromError(code), code);
    if (code === "HANDLER_THREW") void logStack(text, request.requestId);
    else log.write("error", `${code}: ${text}`, request.requestId);
  };

  return {
    onPost,
    adopt(taken: Sandbox) {
      sandbox = taken;
    },
    /** Ends what never became ready. */
    abandon() {
      phase = "gone";
      timers.close();
      sandbox?.dispose();
    },
    async open() {
      const metadata: InstanceMetadata = {
        "narun.function": config.name,
        "narun.instance": instance,
        "narun.node": node,
        "narun.revision": revision,
        "narun.mode": config.mode,
        "narun.concurrency": String(scale.concurrency),
      };
      service = registerMicroService(nats, {
        name: config.name,
        version: serviceVersion(revision),
        description: `function ${config.name}`,
        metadata: metadata as Record<string, string>,
        endpoints: [
          { name: endpointNames.shared, subject: config.name, handle: take },
          { name: endpointNames.direct, subject: subjects.instanceRequests(instance), handle: take },
        ],
        stats: (): InstanceStats => ({
          state: phase === "ready" ? "ready" : "draining",
          inFlight: requests.size,
        }),
      });
      phase = "ready";
      await nats.flush();
      lastActiveAt = Date.now();
      watchIdle(scale.idleSeconds * 1_000);
    },
    announceReady: (phases: Record<string, number>) =>
      announce({ state: "ready", concurrency: scale.concurrency, phases }),
    async drain(reason: GoneReason, graceMs: number) {
      if (phase !== "ready") return;
      phase = "draining";
      announce({ state: "draining" });
      await end(reason, graceMs);
    },
  };
}
