/**
 * The script that becomes the snapshot: it installs the web platform's globals and leaves one boot function behind,
 * which joins an isolate to its host. See boundary.ts for the messages and their invariants.
 */
import "./snapshot-gaps.ts";
import { createEnv, type EnvPlan } from "./bindings/env.ts";
import { type Ask, BOOT_GLOBAL, type Enter, EnterOp, LOAD_GLOBAL, type Post, PostOp } from "./boundary.ts";
import { printToDebugger } from "./console/console.ts";
import { refillLogBudget } from "./console/log-line.ts";
import { findNativeBase64 } from "./dom/base64.ts";
import { startClock } from "./dom/clock.ts";
import { rejectedUnhandled } from "./dom/rejections.ts";
import { installGlobals } from "./globals.ts";
import { resolveHandler } from "./handler.ts";
import { dropCallsOf, settleCall } from "./host-call.ts";
import { connectHost, postToHost } from "./host-link.ts";
import { endInbound, pushInbound } from "./inbound.ts";
import { accountMemory, hasRoomFor, measuredBytes, measureMemories } from "./memory-accounting.ts";
import { cancelOutbound, grantOutbound } from "./outbound.ts";
import { setOwner } from "./owner.ts";
import { abortRequest, postReturned, serveRequest, useHandler } from "./serve.ts";
import { closeSnapshotGaps } from "./snapshot-gaps.ts";
import { dropTimersOf, fireTimer, limitTimers } from "./timers.ts";
import { installWebAssembly } from "./wasm.ts";
import { closeFromClient, grantToClient, messageFromClient } from "./websocket/client-sockets.ts";

installGlobals();
// An isolate's thread must not be put to sleep from inside: no limit would end it.
Reflect.deleteProperty(Atomics, "wait");
Reflect.deleteProperty(Atomics, "waitAsync");

/** Gets ready for the function's module: the entry module hands its exports over when its top level is over. */
function expect(envJson: string): void {
  const plan = JSON.parse(envJson) as EnvPlan;
  const env = createEnv(plan);
  if (plan.timers !== undefined) limitTimers(plan.timers);
  const load = (exports: Record<string, unknown>) => {
    const resolved = resolveHandler(exports, env);
    if (typeof resolved !== "string") useHandler(resolved);
    postToHost(PostOp.loaded, typeof resolved === "string" ? resolved : "");
  };
  Object.defineProperty(globalThis, LOAD_GLOBAL, { configurable: true, value: load });
}

const enter: Enter = (op, id, ...rest) => {
  refillLogBudget();
  setOwner(0);
  if (!isWithinMemory()) return undefined;
  switch (op) {
    case EnterOp.request:
      return serveRequest(id, rest);
    case EnterOp.timer:
      return fireTimer(id);
    case EnterOp.result:
      return settleCall(id, rest[0], rest[1]);
    case EnterOp.chunk:
      return pushInbound(id, rest[0]);
    case EnterOp.end:
      return endInbound(id, rest[0]);
    case EnterOp.credit:
      return grantOutbound(id, rest[0], rest[1]);
    case EnterOp.cancel:
      return cancelOutbound(id);
    case EnterOp.abort:
      return abortRequest(id, rest[0]);
    case EnterOp.socketMessage:
      return messageFromClient(id, rest[0]);
    case EnterOp.socketClose:
      return closeFromClient(id, rest[0], rest[1], rest[2]);
    case EnterOp.socketCredit:
      return grantToClient(id, rest[0]);
    case EnterOp.drop:
      dropTimersOf(id);
      return dropCallsOf(id);
    case EnterOp.probe:
      if (!hasRoomFor(Number(rest[0]))) postToHost(PostOp.nearlyFull);
      return undefined;
  }
};

let isOverMemory = false;

/**
 * What a module's memory has grown to is seen at the next entry; the host ends an isolate that has no room for it. Nothing
 * begins in such a one any more: what waits to enter it may be given to another.
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

/** A promise was rejected in an entry, that of a request or 0, and nobody handles it: true where user code says that it has seen to that. */
function rejected(reason: unknown, isStack: boolean, requestId: number): boolean {
  refillLogBudget();
  setOwner(0);
  postReturned(requestId);
  return rejectedUnhandled(reason, isStack);
}

Object.defineProperty(globalThis, BOOT_GLOBAL, {
  configurable: true,
  value: (post: Post, ask: Ask, isInspected: boolean) => {
    if (isInspected) printToDebugger();
    connectHost({ post, ask });
    startClock();
    findNativeBase64();
    accountMemory();
    installWebAssembly();
    return { enter, expect, rejected };
  },
});

closeSnapshotGaps();
