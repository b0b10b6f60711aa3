/**
 * Isolates from the platform's snapshot, by isolated-vm: their parts (isolate-maker.ts makes the isolates), and the calls into them.
 *
 * I1  No handle of isolated-vm leaves this folder, and none enters user code (see web/host/boundary.ts).
 * I2  Every entry is asynchronous and under the CPU limit: user code never runs on the host's own thread.
 * I3  V8 itself disposes of an isolate that hits its memory limit. An isolate that V8 loses control of (`onCatastrophe`) is never
 *     entered again: its thread sleeps, and only the end of the process frees its memory.
 * I4  A module is loaded when its top level is over, awaits included. isolated-vm returns at the first await, so an entry module
 *     of ours imports the function's module and reports when its own turn comes.
 * I5  After `dispose` no message gets into an isolate or out of it. An isolate with an inspector's session goes on to exist.
 */
import { setFlagsFromString } from "node:v8";
import ivm from "isolated-vm";
import { createTurns } from "../../nats/index.ts";
import type { EnvPlan } from "../../web/index.ts";
import {
  BATCH_MS,
  BOOT_GLOBAL,
  type Boundary,
  type EnterMessage,
  LOAD_GLOBAL,
  MICROTASKS_GLOBAL,
  PLATFORM_FILE,
  PostOp,
  PROGRESS_LENGTH,
  packMessages,
  placeOf,
  RECEIVED,
} from "../../web/index.ts";
import { answerQuestion } from "./answer-question.ts";
import { callLimit } from "./call-limit.ts";
import { framesOf, stackOf } from "./error-stacks.ts";
import { createInspectorChannel, type InspectorChannel } from "./inspector/inspector-channel.ts";
import { createIsolateMaker } from "./isolate-maker.ts";
import { type EntryOutcome, type LoadOutcome, loadedAs } from "./load-outcome.ts";
import { type Calls, createLostIsolates, unwatchedCalls } from "./lost-isolates.ts";
import { YOUNG_MB } from "./young-mb.ts";

export interface LoadOrder {
  code: string;
  /** The bundle's name in stacks. */
  fileName: string;
  env: EnvPlan;
  cpuMs: number;
}

export type { EnterMessage };

export interface Isolate {
  /** Evaluates the function's module, its top-level awaits included. */
  load(order: LoadOrder): Promise<LoadOutcome>;
  /** Runs messages one after the other, and first the ones that an earlier call has left (web/host/batch.ts). */
  enterAll(timeoutMs: number, messages: readonly EnterMessage[]): Promise<EntryOutcome>;
  /** Runs one message. */
  enter(timeoutMs: number, ...message: EnterMessage): Promise<EntryOutcome>;
  /** The number of the last entry that a call of `enterAll` has begun. Entries and calls are numbered from 1. */
  lastOf(call: number): number;
  /** The number of the last entry that has arrived in the isolate. */
  readonly received: number;
  /** The bytes that V8 counts for the isolate, garbage included; undefined where it is gone. */
  usedBytes(): Promise<number | undefined>;
  /** The CPU time of the isolate since it was made, in milliseconds. */
  cpuMs(): number;
  /** V8's inspector, where the engine's isolates are inspected. */
  readonly inspector: InspectorChannel | undefined;
  dispose(): void;
}

/** An isolate for conformance tests, whose files are classic scripts that share one global scope. */
export interface ScriptIsolate extends Isolate {
  evaluateScript(code: string, fileName: string, cpuMs: number): Promise<EntryOutcome>;
  /** Puts a function of the host on the global object. Scripts call it synchronously, with data. */
  expose(name: string, callback: (...values: unknown[]) => unknown): Promise<void>;
}

/** Takes the posts of an isolate. All values are user input. */
export type OnPost = (op: unknown, a: unknown, b: unknown, c: unknown, d: unknown) => void;

export interface Engine<Made extends Isolate = Isolate> {
  /** `isAhead`: no start waits for it. Default false. */
  create(memoryMb: number, onPost: OnPost, options?: { isAhead?: boolean }): Promise<Made>;
}

/**
 * Builds the snapshot that `createEngine` takes: the platform's script, already evaluated. `warmUp` runs in a second context,
 * which is thrown away. The functions that it calls are compiled in the snapshot.
 */
export function createSnapshot(script: string, fileName: string, warmUp: string): Uint8Array {
  setFlagsFromString("--allow-natives-syntax");
  const scripts = [RUN_MICROTASKS, script].map((code) => ({ code, filename: fileName }));
  return new Uint8Array(ivm.Isolate.createSnapshot(scripts, warmUp).copy());
}

/**
 * V8 parses the syntax of its own functions in the process that makes the snapshot only. The warm-up compiles the function, and
 * V8 never discards the compiled code of an async function: it could not compile it again.
 */
const RUN_MICROTASKS = `globalThis.${MICROTASKS_GLOBAL} = async () => { %PerformMicrotaskCheckpoint(); };`;

/** Takes the platform's `load` before any user code runs, so that none can see it. */
const LOAD_MODULE = `export const load = globalThis.${LOAD_GLOBAL}; delete globalThis.${LOAD_GLOBAL};`;

/** The last statement runs when the top level of the function's module is over. */
const ENTRY_MODULE = `import { load } from "load"; import * as exports from "function"; load(exports);`;

const NANOS_PER_MS = 1_000_000;

/** How long V8 may take to compile a module. */
const COMPILE_MS = 10_000;

interface Parts {
  isolate: ivm.Isolate;
  context: ivm.Context;
  enter: ivm.Reference<Boundary["enter"]>;
  expect: ivm.Reference<Boundary["expect"]>;
  /** The result of the platform's boot. Functions that are rarely needed are fetched from it at their first use. */
  boundary: ivm.Reference<Boundary>;
  entry: ivm.Module;
  loadModule: ivm.Module;
  /** The outcome of the module's evaluation. */
  loading: PromiseWithResolvers<LoadOutcome>;
  inspector: InspectorChannel | undefined;
  /** All calls into the isolate that may run user code. */
  watched: Calls;
  /** The numbers of entries that the isolate notes (web/host/batch.ts). */
  progress: Float64Array;
  /** Ignores all posts from now on. */
  silence(): void;
}

/** `isolate`: the isolate out of V8's control; undefined while it is still being made. */
type OnCatastrophe = (message: string, isolate: Isolate | undefined) => void;

export interface EngineOptions {
  /** Whether debuggers may attach to the isolates. It costs memory and time, and is not for production. */
  isInspected?: boolean;
}

export function createEngine(
  snapshotBytes: Uint8Array,
  onCatastrophe: OnCatastrophe,
  options: EngineOptions = {},
): Engine {
  return createEngineOf(createIsolate, snapshotBytes, onCatastrophe, options);
}

/** For conformance tests only: scripts and functions of the host get into these isolates, against I1. */
export function createScriptEngine(
  snapshotBytes: Uint8Array,
  onCatastrophe: OnCatastrophe,
): Engine<ScriptIsolate> {
  return createEngineOf(createScriptIsolate, snapshotBytes, onCatastrophe);
}

function createEngineOf<Made extends Isolate>(
  create: (parts: Parts) => Made,
  snapshotBytes: Uint8Array,
  onCatastrophe: OnCatastrophe,
  { isInspected = false }: EngineOptions = {},
): Engine<Made> {
  setFlagsFromString(`--max-semi-space-size=${YOUNG_MB}`);
  const snapshot = new ivm.ExternalCopy(new Uint8Array(snapshotBytes).buffer);
  // Spare isolates boot one after the other: starts have the other cores.
  const spares = createTurns(1);
  // At a breakpoint a call may stay for hours. The inspector of an isolate belongs to the thread that makes it.
  const own = isInspected ? undefined : { maker: createIsolateMaker(snapshot), watch: createLostIsolates() };
  return {
    async create(memoryMb, onPost, { isAhead = false } = {}) {
      let made: Made | undefined;
      let isSilent = false;
      const loading = Promise.withResolvers<LoadOutcome>();
      const onLost = (message: string) => {
        // A module whose evaluation is cut off cannot report its end itself.
        loading.resolve({ kind: "cpu-limit", stack: "" });
        onCatastrophe(message, made);
      };
      const isolate =
        (await own?.maker.make(memoryMb, isAhead)) ??
        new ivm.Isolate({ snapshot, memoryLimit: memoryMb, onCatastrophicError: onLost, inspector: true });
      const watched = own?.watch.open(() => onLost("a call does not end")) ?? unwatchedCalls;
      const boot = async (): Promise<Made> => {
        const context = await isolate.createContext({ inspector: isInspected });
        const receive: OnPost = (op, a, b, c, d) => {
          if (isSilent) return;
          if (op !== PostOp.loaded) onPost(op, a, b, c, d);
          else loading.resolve(loadedAs(a, b, c));
        };
        const post = new ivm.Callback(watched.calledBack(receive), { ignored: true });
        const ask = new ivm.Callback(watched.calledBack(answerQuestion), { sync: true });
        const progress = new Float64Array(
          new SharedArrayBuffer(PROGRESS_LENGTH * Float64Array.BYTES_PER_ELEMENT),
        );
        const boundary = (await context.evalClosure(
          `const boot = globalThis.${BOOT_GLOBAL}; delete globalThis.${BOOT_GLOBAL}; return boot($0, $1, $2, $3);`,
          [post, ask, isInspected, new ivm.ExternalCopy(progress.buffer).copyInto({ release: true })],
          { result: { reference: true } },
        )) as Parts["boundary"];
        // All four in one turn of the isolate's thread.
        const [enter, expect, entry, loadModule] = await Promise.all([
          boundary.get("enter", { reference: true }) as Promise<Parts["enter"]>,
          boundary.get("expect", { reference: true }) as Promise<Parts["expect"]>,
          isolate.compileModule(ENTRY_MODULE, { filename: PLATFORM_FILE }),
          isolate.compileModule(LOAD_MODULE, { filename: PLATFORM_FILE }),
        ]);
        const runMicrotasks = () => void enter.apply(undefined, [0, 0, 0, "[]"]).catch(() => undefined);
        const inspector = isInspected ? createInspectorChannel(isolate, context, runMicrotasks) : undefined;
        const silence = () => {
          isSilent = true;
        };
        const parts = { isolate, context, enter, expect, boundary, entry, loadModule, loading, inspector };
        made = create({ ...parts, watched, progress, silence });
        return made;
      };
      return isAhead ? spares.run(boot) : boot();
    },
  };
}

function createScriptIsolate(parts: Parts): ScriptIsolate {
  const { isolate, context } = parts;
  return {
    ...createIsolate(parts),
    async evaluateScript(code, fileName, cpuMs) {
      try {
        const script = await isolate.compileScript(code, { filename: fileName });
        await script.run(context, { timeout: cpuMs });
        return { kind: "ok" };
      } catch (error) {
        if (isolate.isDisposed) return { kind: "memory-limit" };
        const isTimeout = error instanceof Error && error.message === "Script execution timed out.";
        return isTimeout ? { kind: "cpu-limit", stack: "" } : { kind: "uncaught", stack: stackOf(error) };
      }
    },
    async expose(name, callback) {
      await context.global.set(name, new ivm.Callback(callback, { sync: true }));
    },
  };
}

function createIsolate(parts: Parts): Isolate {
  const { isolate, loading, inspector } = parts;
  let isDisposedByUs = false;
  const outcomeOf = (error: unknown): EntryOutcome => {
    if (isDisposedByUs) return { kind: "disposed" };
    if (isolate.isDisposed) return { kind: "memory-limit" };
    if (error instanceof Error) {
      if (error.message === "Script execution timed out.")
        return { kind: "cpu-limit", stack: framesOf(error) };
      return { kind: "uncaught", stack: stackOf(error) };
    }
    return { kind: "uncaught", stack: `Uncaught ${String(error)}` };
  };
  const caller = createCaller(parts, outcomeOf);
  return {
    load: (order) => evaluate(parts, order).catch(outcomeOf),
    enter(timeoutMs, ...message) {
      return this.enterAll(timeoutMs, [message]);
    },
    async enterAll(timeoutMs, messages) {
      const outcome = isDisposedByUs ? undefined : await caller.enterAll(timeoutMs, messages);
      return outcome === undefined || isDisposedByUs ? { kind: "disposed" } : outcome;
    },
    lastOf: caller.lastOf,
    get received() {
      return parts.progress[RECEIVED] ?? 0;
    },
    async usedBytes() {
      if (isDisposedByUs || isolate.isDisposed) return undefined;
      const used = await isolate.getHeapStatistics().catch(() => undefined);
      return used && used.used_heap_size + used.externally_allocated_size;
    },
    cpuMs: () => (isolate.isDisposed ? 0 : Number(isolate.cpuTime) / NANOS_PER_MS),
    inspector,
    dispose() {
      isDisposedByUs = true;
      parts.watched.close();
      if (inspector?.close() === false && !isolate.isDisposed) {
        // The isolate goes on to exist (I5). A load that waits is answered as that of a disposed isolate.
        parts.silence();
        loading.resolve({ kind: "disposed" });
      } else if (!isolate.isDisposed) isolate.dispose();
    },
  };
}

/** Compiles and evaluates a function's module. */
async function evaluate(
  { isolate, context, expect, entry, loadModule, loading, watched }: Parts,
  { code, fileName, env, cpuMs }: LoadOrder,
): Promise<LoadOutcome> {
  const expecting = expect.apply(undefined, [JSON.stringify(env)]);
  const compiling = isolate.compileModule(code, { filename: fileName });
  const [module] = await watched.watch(COMPILE_MS, Promise.all([compiling, expecting]));
  await entry.instantiate(context, (specifier, referrer) => {
    if (referrer === entry) return specifier === "load" ? loadModule : module;
    throw new Error(`cannot import ${JSON.stringify(specifier)}: the bundle is one module`);
  });
  await Promise.race([watched.watch(cpuMs, entry.evaluate({ timeout: cpuMs })), loading.promise]);
  return loading.promise;
}

/** Calls the platform's `enter`. Calls end in the order in which they were made. */
function createCaller(
  { boundary, enter, loading, progress, watched }: Parts,
  outcomeOf: (error: unknown) => EntryOutcome,
): Pick<Isolate, "enterAll" | "lastOf"> {
  let calls = 0;
  let handed = 0;
  /** The recovery from the last failed call. */
  let recovering: Promise<EntryOutcome> | undefined;
  /** The result of a call did not arrive: the platform posts its answers, and user code may handle a rejection. */
  const recover = async (
    outcome: EntryOutcome,
    error: unknown,
    cpuMs: number,
    earlier: Promise<unknown> | undefined,
  ): Promise<EntryOutcome> => {
    await earlier;
    const rare = async (name: "rejected" | "lost", values: readonly (string | boolean)[]) => {
      const called = (await boundary.get(name, { reference: true })) as ivm.Reference<
        (...values: readonly unknown[]) => unknown
      >;
      return watched.watch(cpuMs, called.apply(undefined, [...values], { timeout: cpuMs }));
    };
    try {
      await rare("lost", []);
      if (outcome.kind !== "uncaught") return outcome;
      const isPrimitive = typeof error !== "object" || error === null;
      const reason = isPrimitive ? (error as string) : outcome.stack;
      return (await rare("rejected", [reason, !isPrimitive])) === true
        ? { kind: "ok", answers: "" }
        : outcome;
    } catch (failure) {
      const second = outcomeOf(failure);
      return second.kind === "uncaught" ? outcome : second;
    }
  };
  return {
    async enterAll(timeoutMs, messages) {
      calls += 1;
      const first = handed + 1;
      handed += messages.length;
      watched.begin(timeoutMs);
      try {
        const { text, extras } = packMessages(messages);
        const values = [calls, first, BATCH_MS, text, ...extras.map(transferable)] as never;
        const answers: unknown = await enter.apply(undefined, values, { timeout: callLimit(timeoutMs) });
        if (recovering !== undefined) await recovering;
        return { kind: "ok", answers };
      } catch (error) {
        const outcome = outcomeOf(error);
        // While the module is being evaluated this is its end: a promise that its top level awaits has failed.
        loading.resolve(outcome);
        if (outcome.kind !== "uncaught" && outcome.kind !== "cpu-limit") return outcome;
        recovering = recover(outcome, error, timeoutMs, recovering);
        return recovering;
      } finally {
        watched.end();
      }
    },
    lastOf: (call) => progress[placeOf(call)] ?? 0,
  };
}

/** Primitives cross as they are, the message's own buffers are transferred, all other values are copied. */
function transferable(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return value instanceof ArrayBuffer
    ? new ivm.ExternalCopy(value, { transferOut: true }).copyInto({ release: true, transferIn: true })
    : new ivm.ExternalCopy(value).copyInto({ release: true });
}
