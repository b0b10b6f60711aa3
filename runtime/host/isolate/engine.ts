/**
 * The only importer of isolated-vm: sandboxes made from the platform's snapshot, and the calls into them.
 *
 * I1  No handle of isolated-vm leaves this file, and none enters user code (see platform/boundary.ts).
 * I2  Every entry is asynchronous and under the CPU limit: user code never runs on the host's own thread.
 * I3  A sandbox that hit its memory limit is disposed by V8 itself. One that V8 lost control of (`onCatastrophe`) is
 *     never entered again: its thread is put to sleep, and only the end of the process frees what it has.
 * I4  A module is loaded when its top level is over, awaits included. isolated-vm returns at the first of them, so an
 *     entry module of ours imports it and says when its own turn has come.
 * I5  After `dispose` nothing gets into a sandbox, and nothing out of it: one with an inspector's session goes on to exist.
 */
import { randomBytes } from "node:crypto";
import { domainToASCII } from "node:url";
import ivm from "isolated-vm";
import type { EnvPlan } from "../../platform/bindings/env.ts";
import {
  AskFor,
  BOOT_GLOBAL,
  type Enter,
  EnterOp,
  LOAD_GLOBAL,
  PLATFORM_FILE,
  PostOp,
} from "../../platform/boundary.ts";
import { readEncodingTables } from "./encoding-tables.ts";
import { readInspectLibrary } from "./inspect-library.ts";
import { createInspectorChannel, type InspectorChannel } from "./inspector-channel.ts";
import { answerCryptoSupport } from "./process/crypto/supports.ts";

/** How an entry into a sandbox ended, seen from the outside. */
export type EntryOutcome =
  /** `answer`: what it returned (EnterOp.request); user input. */
  | { kind: "ok"; answer?: unknown }
  /** `stack`: where it was, innermost first; empty where V8 does not say. */
  | { kind: "cpu-limit"; stack: string }
  | { kind: "memory-limit" }
  | { kind: "disposed" }
  /** Something threw, or rejected, where nobody caught it. */
  | { kind: "uncaught"; stack: string };

export type LoadOutcome = EntryOutcome | { kind: "no-handler"; reason: string };

export interface LoadOrder {
  code: string;
  /** What stacks call the bundle. */
  fileName: string;
  env: EnvPlan;
  cpuMs: number;
}

/** A message into an isolate (platform/boundary.ts). */
export type EnterMessage = Parameters<Enter>;

export interface Sandbox {
  /** Evaluates the function's module; a top-level await is waited for. */
  load(order: LoadOrder): Promise<LoadOutcome>;
  enter(timeoutMs: number, ...message: EnterMessage): Promise<EntryOutcome>;
  /** Bytes that V8 puts down to it, garbage included; undefined where it is gone. */
  usedBytes(): Promise<number | undefined>;
  /** CPU time that it has used since it was made, in milliseconds. */
  cpuMs(): number;
  /** V8's inspector, where the engine was made to have one. */
  readonly inspector: InspectorChannel | undefined;
  dispose(): void;
}

/** What only conformance tests do with a sandbox: their files are classic scripts that share one global scope. */
export interface ScriptSandbox extends Sandbox {
  evaluateScript(code: string, fileName: string, cpuMs: number): Promise<EntryOutcome>;
  /** Puts a function of the host on the global object; it is called synchronously, with data. */
  expose(name: string, callback: (...values: unknown[]) => unknown): Promise<void>;
}

/** Takes what an isolate posts; all of it is user input. */
export type OnPost = (op: unknown, a: unknown, b: unknown, c: unknown, d: unknown) => void;

export interface Engine<Made extends Sandbox = Sandbox> {
  create(memoryMb: number, onPost: OnPost): Promise<Made>;
}

/** The most entropy that one question may ask for: one call of `getRandomValues`. */
const MAX_ENTROPY_BYTES = 65_536;

/**
 * Builds the snapshot that `createEngine` takes: the platform's script, already evaluated. `warmUp` runs beside it, in a
 * context that is thrown away: what it calls is in the snapshot compiled.
 */
export function createSnapshot(script: string, fileName: string, warmUp: string): Uint8Array {
  return new Uint8Array(ivm.Isolate.createSnapshot([{ code: script, filename: fileName }], warmUp).copy());
}

/** Takes the platform's `load` before any user code runs, so that none can see it. */
const LOAD_MODULE = `export const load = globalThis.${LOAD_GLOBAL}; delete globalThis.${LOAD_GLOBAL};`;

/** Its own turn comes when the top level of the function's module is over. */
const ENTRY_MODULE = `import { load } from "load"; import * as exports from "function"; load(exports);`;

const NANOS_PER_MS = 1_000_000;

interface Boundary {
  enter: Enter;
  expect: (envJson: string) => void;
  rejected: (reason: unknown, isStack: boolean, requestId: number) => boolean;
}

interface Parts {
  isolate: ivm.Isolate;
  context: ivm.Context;
  enter: ivm.Reference<Enter>;
  expect: ivm.Reference<(envJson: string) => void>;
  /** What the platform's boot gave: what is rarely needed is fetched from it when it is. */
  boundary: ivm.Reference<Boundary>;
  entry: ivm.Module;
  loadModule: ivm.Module;
  /** How evaluating the function's module ended. */
  loading: PromiseWithResolvers<LoadOutcome>;
  inspector: InspectorChannel | undefined;
  /** Nothing that it posts is heard any more. */
  silence(): void;
}

/** `sandbox`: the one that V8 has lost control of; undefined while it is still being made. */
type OnCatastrophe = (message: string, sandbox: Sandbox | undefined) => void;

export interface EngineOptions {
  /** Whether debuggers may attach to the isolates. It costs memory and time; never in production. */
  isInspected?: boolean;
}

export function createEngine(
  snapshotBytes: Uint8Array,
  onCatastrophe: OnCatastrophe,
  options: EngineOptions = {},
): Engine {
  return createEngineOf(createSandbox, snapshotBytes, onCatastrophe, options);
}

/** For conformance tests only: its sandboxes let host functions and scripts in, which no function's may (I1). */
export function createScriptEngine(
  snapshotBytes: Uint8Array,
  onCatastrophe: OnCatastrophe,
): Engine<ScriptSandbox> {
  return createEngineOf(createScriptSandbox, snapshotBytes, onCatastrophe);
}

function createEngineOf<Made extends Sandbox>(
  create: (parts: Parts) => Made,
  snapshotBytes: Uint8Array,
  onCatastrophe: OnCatastrophe,
  { isInspected = false }: EngineOptions = {},
): Engine<Made> {
  const snapshot = new ivm.ExternalCopy(new Uint8Array(snapshotBytes).buffer);
  return {
    async create(memoryMb, onPost) {
      let made: Made | undefined;
      let isSilent = false;
      const loading = Promise.withResolvers<LoadOutcome>();
      const isolate = new ivm.Isolate({
        snapshot,
        memoryLimit: memoryMb,
        onCatastrophicError(message) {
          // A module that is being evaluated will not say so itself any more.
          loading.resolve({ kind: "cpu-limit", stack: "" });
          onCatastrophe(message, made);
        },
        inspector: isInspected,
      });
      const context = await isolate.createContext({ inspector: isInspected });
      const receive: OnPost = (op, a, b, c, d) => {
        if (isSilent) return;
        if (op !== PostOp.loaded) onPost(op, a, b, c, d);
        else loading.resolve(a === "" ? { kind: "ok" } : { kind: "no-handler", reason: String(a) });
      };
      const post = new ivm.Callback(receive, { ignored: true });
      const ask = new ivm.Callback(answerQuestion, { sync: true });
      const boundary = (await context.evalClosure(
        `const boot = globalThis.${BOOT_GLOBAL}; delete globalThis.${BOOT_GLOBAL}; return boot($0, $1, $2);`,
        [post, ask, isInspected],
        { result: { reference: true } },
      )) as Parts["boundary"];
      const enter = (await boundary.get("enter", { reference: true })) as Parts["enter"];
      const expect = (await boundary.get("expect", { reference: true })) as Parts["expect"];
      const entry = await isolate.compileModule(ENTRY_MODULE, { filename: PLATFORM_FILE });
      const loadModule = await isolate.compileModule(LOAD_MODULE, { filename: PLATFORM_FILE });
      const runMicrotasks = () => void enter.apply(undefined, [0, 0]).catch(() => undefined);
      const inspector = isInspected ? createInspectorChannel(isolate, context, runMicrotasks) : undefined;
      const silence = () => {
        isSilent = true;
      };
      const parts = { isolate, context, enter, expect, boundary, entry, loadModule, loading, inspector };
      made = create({ ...parts, silence });
      return made;
    },
  };
}

function createScriptSandbox(parts: Parts): ScriptSandbox {
  const { isolate, context } = parts;
  return {
    ...createSandbox(parts),
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

function createSandbox(parts: Parts): Sandbox {
  const { isolate, context, enter, expect, boundary, entry, loadModule, loading, inspector } = parts;
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
  /** Asks user code whether it sees to a rejection that nobody handled. */
  const settleRejection = async (
    outcome: EntryOutcome,
    error: unknown,
    cpuMs: number,
    [op, id]: EnterMessage,
  ): Promise<EntryOutcome> => {
    const requestId = op === EnterOp.request ? id : 0;
    const isPrimitive = typeof error !== "object" || error === null;
    const reason = isPrimitive || outcome.kind !== "uncaught" ? error : outcome.stack;
    try {
      const rejected = (await boundary.get("rejected", { reference: true })) as ivm.Reference<
        Boundary["rejected"]
      >;
      const values: [string, boolean, number] = [reason as string, !isPrimitive, requestId];
      const isSeenTo = await rejected.apply(undefined, values, { timeout: cpuMs });
      return isSeenTo === true ? { kind: "ok" } : outcome;
    } catch (failure) {
      const second = outcomeOf(failure);
      return second.kind === "uncaught" ? outcome : second;
    }
  };
  return {
    async load({ code, fileName, env, cpuMs }) {
      try {
        const module = await isolate.compileModule(code, { filename: fileName });
        await expect.apply(undefined, [JSON.stringify(env)]);
        await entry.instantiate(context, (specifier, referrer) => {
          if (referrer === entry) return specifier === "load" ? loadModule : module;
          throw new Error(`cannot import ${JSON.stringify(specifier)}: the bundle is one module`);
        });
        await Promise.race([entry.evaluate({ timeout: cpuMs }), loading.promise]);
        return await loading.promise;
      } catch (error) {
        return outcomeOf(error);
      }
    },
    async enter(timeoutMs, ...message) {
      if (isDisposedByUs) return { kind: "disposed" };
      try {
        const answer: unknown = await enter.apply(undefined, message.map(transferable) as never, {
          timeout: timeoutMs,
        });
        return isDisposedByUs ? { kind: "disposed" } : { kind: "ok", answer };
      } catch (error) {
        const outcome = outcomeOf(error);
        // While the module is still being evaluated this is its end: what it awaited at the top level has failed.
        loading.resolve(outcome);
        return outcome.kind === "uncaught" ? settleRejection(outcome, error, timeoutMs, message) : outcome;
      }
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
      if (inspector?.close() === false && !isolate.isDisposed) {
        // It goes on to exist (I5): whoever waits for it to load hears the same as of one that does not.
        parts.silence();
        loading.resolve({ kind: "disposed" });
      } else if (!isolate.isDisposed) isolate.dispose();
    },
  };
}

/** Primitives cross as they are, the buffers of a message itself are handed over, everything else is copied. */
function transferable(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return value instanceof ArrayBuffer
    ? new ivm.ExternalCopy(value, { transferOut: true }).copyInto({ release: true, transferIn: true })
    : new ivm.ExternalCopy(value).copyInto({ release: true });
}

function answerQuestion(what: unknown, argument: unknown): string | ArrayBuffer {
  if (what === AskFor.entropy && typeof argument === "number") {
    const bytes = randomBytes(Math.min(MAX_ENTROPY_BYTES, Math.max(0, Math.trunc(argument))));
    return new Uint8Array(bytes).buffer;
  }
  if (what === AskFor.asciiDomain && typeof argument === "string") return domainToASCII(argument);
  if (what === AskFor.encodingTables) return readEncodingTables();
  if (what === AskFor.inspectLibrary) return readInspectLibrary();
  if (what === AskFor.cryptoSupport) return answerCryptoSupport(argument);
  return "";
}

/** The frames of a stack, without its first line. */
function framesOf(error: Error): string {
  return stackOf(error).split("\n").slice(1).join("\n");
}

/** All that isolated-vm says of an object that is no error. */
const NO_ERROR = /^Error: An object was thrown from supplied code within isolated-vm, but [^\n]*/;

/** The part of a stack that is the function's own: isolated-vm appends the host's frames behind its boundary mark. */
function stackOf(error: unknown): string {
  const text = String((error instanceof Error ? error.stack : undefined) ?? error);
  const stack = text.replace(NO_ERROR, "Error: what was thrown is an object, and no Error");
  const boundary = stack.indexOf("\n    at (<isolated-vm boundary>)");
  return boundary === -1 ? stack : stack.slice(0, boundary);
}
