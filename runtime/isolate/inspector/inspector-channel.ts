/**
 * V8's inspector of one isolate: messages of the Chrome DevTools Protocol, both ways. Only `narun dev --inspect` makes
 * isolates that have one.
 *
 * I1  There is one session at most in an isolate's whole life. It is opened while nothing else runs in the isolate: V8
 *     wants its lock held by the opening thread, which isolated-vm sees to only within a synchronous call.
 * I2  A session never ends, and neither does its isolate: isolated-vm may free a session after the isolate that it is of,
 *     which crashes the process. Both stay until the process ends. Where V8 disposes of an isolate by itself (out of
 *     memory) its session is left alone: isolated-vm waits for itself there, and whoever touched it would wait, too.
 * I3  What the inspector evaluates may leave promises; they settle only when the isolate is entered, so it is.
 * I4  Every message is taken. One that comes just when the isolate is about to pause does not wake it (isolated-vm
 *     checks before it waits); while an answer is missing, another message knocks again.
 */
import ivm from "isolated-vm";

export interface InspectorChannel {
  /** Opens the session. Isolates that no debugger is to find do without, and can be disposed. */
  open(): void;
  /** A message for V8. It is taken while the isolate runs, and while it stands at a breakpoint. */
  send(message: string): void;
  /** Takes V8's messages from now on. */
  listen(onMessage: ((message: string) => void) | undefined): void;
  /** Says nothing more. False: there is a session, and the isolate has to stay as long as the process. */
  close(): boolean;
}

/** Isolates with their sessions, which garbage collection would end, too. */
const kept = new Map<ivm.Isolate, { context: ivm.Context; session: ivm.InspectorSession }>();

const EVALUATES = new Set([
  "Runtime.awaitPromise",
  "Runtime.callFunctionOn",
  "Runtime.evaluate",
  "Runtime.runScript",
]);

/** The cheapest method; debuggers do not see its answer. */
const KNOCK_ID = -1_000;
const KNOCK = JSON.stringify({ id: KNOCK_ID, method: "Runtime.getIsolateId" });
const FIRST_KNOCK_MS = 10;
const LAST_KNOCK_MS = 1_000;

export function createInspectorChannel(
  isolate: ivm.Isolate,
  context: ivm.Context,
  runMicrotasks: () => void,
): InspectorChannel {
  const unanswered = new Set<number>();
  let session: ivm.InspectorSession | undefined;
  let listener: ((message: string) => void) | undefined;
  let knocking: NodeJS.Timeout | undefined;

  const knockAfter = (ms: number) => {
    clearTimeout(knocking);
    knocking = setTimeout(() => {
      knocking = undefined;
      if (unanswered.size === 0 || isolate.isDisposed) return;
      session?.dispatchProtocolMessage(KNOCK);
      knockAfter(Math.min(LAST_KNOCK_MS, ms * 2));
    }, ms);
  };
  const open = new ivm.Callback(
    () => {
      session = isolate.createInspectorSession();
      session.onResponse = (id, message) => {
        unanswered.delete(id);
        if (id !== KNOCK_ID) listener?.(message);
      };
      session.onNotification = (message) => listener?.(message);
      kept.set(isolate, { context, session });
    },
    { sync: true },
  );
  return {
    open() {
      if (session === undefined) context.evalClosureSync("$0()", [open]);
    },
    send(message) {
      if (session === undefined || isolate.isDisposed) return;
      const { id, method } = JSON.parse(message) as { id: number; method: string };
      unanswered.add(id);
      session.dispatchProtocolMessage(message);
      knockAfter(FIRST_KNOCK_MS);
      if (EVALUATES.has(method)) runMicrotasks();
    },
    listen(onMessage) {
      listener = onMessage;
    },
    close() {
      listener = undefined;
      // What the debugger said last may be what wakes the isolate: it is still knocked for.
      return session === undefined;
    },
  };
}
