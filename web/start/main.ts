/**
 * The script that becomes the snapshot. It installs the globals of the web platform and leaves one boot function, which joins
 * an isolate to its host. boundary.ts defines the messages and their invariants.
 */
import "./snapshot-gaps.ts";
import { createEnv, type EnvPlan } from "../bindings/env.ts";
import { printToDebugger } from "../console/console.ts";
import { refillLogBudget } from "../console/log-line.ts";
import { rejectedUnhandled } from "../dom/rejections.ts";
import { findNativeBase64 } from "../encoding/base64.ts";
import { type Boundary, type Enter, unpackValue } from "../host/batch.ts";
import {
  type Ask,
  BOOT_GLOBAL,
  type EnterMessage,
  EnterOp,
  LOAD_GLOBAL,
  type Post,
  PostOp,
} from "../host/boundary.ts";
import { dropCallsOf, settleCall } from "../host/host-call.ts";
import { connectHost, postToHost } from "../host/host-link.ts";
import { endInbound, pushInbound } from "../host/inbound.ts";
import { cancelOutbound, grantOutbound } from "../host/outbound.ts";
import { accountMemory, hasRoomFor, measuredBytes, measureMemories } from "../memory/memory-accounting.ts";
import { installWebAssembly } from "../memory/wasm.ts";
import { startClock } from "../performance/clock.ts";
import { closeFromClient, grantToClient, messageFromClient } from "../websocket/client-sockets.ts";
import { noteEntries, postLost, runEntries } from "./entries.ts";
import { installGlobals } from "./globals.ts";
import { resolveHandlers } from "./handler.ts";
import { noteOpened } from "./opened-input.ts";
import { setOwner } from "./owner.ts";
import { abortRequest, type IncomingRequest, serveRequest, serveTrigger, useHandlers } from "./serve.ts";
import { type ServiceStart, startService, stopService } from "./service.ts";
import { closeSnapshotGaps } from "./snapshot-gaps.ts";
import { dropTimersOf, fireTimer, limitTimers } from "./timers.ts";

installGlobals();
// User code must not put the isolate's thread to sleep: no limit would end that.
Reflect.deleteProperty(Atomics, "wait");
Reflect.deleteProperty(Atomics, "waitAsync");

/** Prepares for the function's module. The entry module hands over its exports after its top level has run. */
function expect(envJson: string): void {
  const plan = JSON.parse(envJson) as EnvPlan;
  const env = createEnv(plan);
  if (plan.timers !== undefined) limitTimers(plan.timers);
  const load = (exports: Record<string, unknown>) => {
    const resolved = resolveHandlers(exports, env, plan);
    if (typeof resolved === "string") return postToHost(PostOp.loaded, resolved);
    useHandlers(resolved);
    const started = startService(exports, env, plan.service);
    if (started instanceof Promise) void started.then(postStart);
    else postStart(started);
  };
  Object.defineProperty(globalThis, LOAD_GLOBAL, { configurable: true, value: load });
}

function logFailure(text: string): void {
  postToHost(PostOp.log, "error", text, 0);
}

function postStart(start: ServiceStart): void {
  if (start.ok) postToHost(PostOp.loaded, "", start.description);
  else postToHost(PostOp.loaded, start.message, start.code, start.stack);
}

const enter: Enter = (call, first, limitMs, pack, ...extras) =>
  runEntries(call, first, limitMs, pack, extras, isWithinMemory, dispatch);

function dispatch(message: EnterMessage, extras: readonly unknown[]): unknown {
  const value = (index: number) => unpackValue(message, index + 2, extras);
  const id = message[1];
  switch (message[0]) {
    case EnterOp.request:
      noteOpened(id, value(3), value(6));
      return serveRequest(requestOf(id, value));
    case EnterOp.trigger:
      return serveTrigger(requestOf(id, value), Number(value(6)));
    case EnterOp.timer:
      return fireTimer(id);
    case EnterOp.result:
      return settleCall(id, value(0), value(1));
    case EnterOp.chunk:
      return pushInbound(id, value(0), value(1));
    case EnterOp.end:
      return endInbound(id, value(0));
    case EnterOp.credit:
      return grantOutbound(id, value(0), value(1));
    case EnterOp.cancel:
      return cancelOutbound(id);
    case EnterOp.abort:
      return abortRequest(id, value(0));
    case EnterOp.socketMessage:
      return messageFromClient(id, value(0));
    case EnterOp.socketClose:
      return closeFromClient(id, value(0), value(1), value(2));
    case EnterOp.socketCredit:
      return grantToClient(id, value(0));
    case EnterOp.drop:
      dropTimersOf(id);
      return dropCallsOf(id);
    case EnterOp.stop:
      setOwner(0);
      void stopService(logFailure).then(() => postToHost(PostOp.stopped));
      return undefined;
    case EnterOp.probe:
      if (!hasRoomFor(Number(value(0)))) postToHost(PostOp.nearlyFull);
  }
  return undefined;
}

function requestOf(id: number, value: (index: number) => unknown): IncomingRequest {
  return {
    id,
    method: value(0) as string,
    url: value(1) as string,
    headerBlock: value(2) as string,
    body: value(3) as IncomingRequest["body"],
    requestId: value(4) as string,
    deadline: value(5) as number,
  };
}

let isOverMemory = false;

/**
 * The growth of a module's memory is measured at the next entry. The host ends an isolate without room for it. Nothing more
 * begins in such an isolate: requests that wait for it may go to another.
 */
function isWithinMemory(): boolean {
  if (isOverMemory) return false;
  try {
    measureMemories();
    return true;
  } catch {
    isOverMemory = true;
    postToHost(PostOp.overMemory, measuredBytes());
    return false;
  }
}

/** A promise without a handler was rejected. True if user code prevented the log line. */
function rejected(reason: unknown, isStack: boolean): boolean {
  refillLogBudget();
  setOwner(0);
  return rejectedUnhandled(reason, isStack);
}

Object.defineProperty(globalThis, BOOT_GLOBAL, {
  configurable: true,
  value: (post: Post, ask: Ask, isInspected: boolean, progress: SharedArrayBuffer): Boundary => {
    if (isInspected) printToDebugger();
    noteEntries(progress);
    connectHost({ post, ask });
    startClock();
    findNativeBase64();
    accountMemory();
    installWebAssembly();
    return { enter, expect, rejected, lost: postLost };
  },
});

closeSnapshotGaps();
