/**
 * V8's inspector of one isolate: messages of the Chrome DevTools Protocol, in both directions. Only isolates of
 * `narun dev --inspect` have one.
 *
 * I1  An isolate has one session at most in its whole life. The session is opened while no code runs in the isolate: the opening
 *     thread must hold V8's lock, and isolated-vm takes the lock only within a synchronous call.
 * I2  A session and its isolate live until the process ends: isolated-vm may free a session after its isolate, which crashes the
 *     process. Where V8 disposes of an isolate by itself (out of memory) the session is not touched any more: isolated-vm waits
 *     for itself there, and a caller would wait with it.
 * I3  An evaluation by the inspector may leave promises. They settle only when the isolate is entered, so it is entered.
 * I4  Every message is taken. A message that comes just before the isolate pauses does not wake it (isolated-vm checks before it
 *     waits). While an answer is missing, further messages knock.
 */
import ivm from "isolated-vm";

export interface InspectorChannel {
  /** Opens the session. An isolate without a session can be disposed, and no debugger finds it. */
  open(): void;
  /** Sends V8 a message. V8 takes it while the isolate runs, and at a breakpoint. */
  send(message: string): void;
  /** Passes V8's messages on from now on. */
  listen(onMessage: ((message: string) => void) | undefined): void;
  /** Passes no more messages on. False where the isolate has a session, and has to stay as long as the process. */
  close(): boolean;
}

/** Isolates with their sessions, kept from garbage collection (I2). */
const kept = new Map<ivm.Isolate, { context: ivm.Context; session: ivm.InspectorSession }>();

const EVALUATES = new Set([
  "Runtime.awaitPromise",
  "Runtime.callFunctionOn",
  "Runtime.evaluate",
  "Runtime.runScript",
]);

/** The id of a knock. Debuggers do not see its answer. */
const KNOCK_ID = -1_000;
/** The cheapest method. */
const KNOCK = JSON.stringify({ id: KNOCK_ID, method: "Runtime.getIsolateId" });
/** How long after a message without an answer the first knock follows, and the longest pause between two. */
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
      // The debugger's last message may have to wake the isolate: the knocks for it go on.
      return session === undefined;
    },
  };
}
