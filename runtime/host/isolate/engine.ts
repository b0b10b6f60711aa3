/**
 * The only importer of isolated-vm: sandboxes made from the platform's snapshot, and the calls into them.
 *
 * I1  No handle of isolated-vm leaves this file, and none enters user code (see platform/boundary.ts).
 * I2  Every entry is asynchronous and under the CPU limit: user code never runs on the host's own thread.
 * I3  A sandbox that hit its memory limit is disposed by V8 itself; one that V8 lost control of takes the process
 *     along: `onCatastrophe` ends it, and the runner starts another.
 */
import { randomBytes } from "node:crypto";
import { domainToASCII } from "node:url";
import ivm from "isolated-vm";
import { AskFor, BOOT_GLOBAL, type Enter } from "../../platform/boundary.ts";

/** How an entry into a sandbox ended, seen from the outside. */
export type EntryOutcome =
  | { kind: "ok" }
  | { kind: "cpu-limit" }
  | { kind: "memory-limit" }
  | { kind: "disposed" }
  /** Something threw, or rejected, where nobody caught it. */
  | { kind: "uncaught"; stack: string };

export type LoadOutcome = EntryOutcome | { kind: "no-handler"; reason: string };

export interface LoadOrder {
  code: string;
  /** What stacks call the bundle. */
  fileName: string;
  env: Record<string, string>;
  cpuMs: number;
}

/** A message into an isolate (platform/boundary.ts). */
export type EnterMessage = Parameters<Enter>;

export interface Sandbox {
  /** Evaluates the function's module; a top-level await is waited for. */
  load(order: LoadOrder): Promise<LoadOutcome>;
  enter(timeoutMs: number, ...message: EnterMessage): Promise<EntryOutcome>;
  dispose(): void;
}

/** Takes what an isolate posts; all of it is user input. */
export type OnPost = (op: unknown, a: unknown, b: unknown, c: unknown, d: unknown) => void;

export interface Engine {
  create(memoryMb: number, onPost: OnPost): Promise<Sandbox>;
}

/** The most entropy that one question may ask for: one call of `getRandomValues`. */
const MAX_ENTROPY_BYTES = 65_536;

/** Builds the snapshot that `createEngine` takes: the platform's script, already evaluated. */
export function createSnapshot(script: string, fileName: string): Uint8Array {
  return new Uint8Array(ivm.Isolate.createSnapshot([{ code: script, filename: fileName }]).copy());
}

export function createEngine(snapshotBytes: Uint8Array, onCatastrophe: (message: string) => void): Engine {
  const snapshot = new ivm.ExternalCopy(new Uint8Array(snapshotBytes).buffer);
  return {
    async create(memoryMb, onPost) {
      const isolate = new ivm.Isolate({
        snapshot,
        memoryLimit: memoryMb,
        onCatastrophicError: onCatastrophe,
      });
      const context = await isolate.createContext();
      const post = new ivm.Callback(onPost, { ignored: true });
      const ask = new ivm.Callback(answerQuestion, { sync: true });
      const boundary = (await context.evalClosure(
        `const boot = globalThis.${BOOT_GLOBAL}; delete globalThis.${BOOT_GLOBAL}; return boot($0, $1);`,
        [post, ask],
        { result: { reference: true } },
      )) as ivm.Reference<{ enter: Enter; load: (exports: object, env: string) => string }>;
      const enter = (await boundary.get("enter", { reference: true })) as ivm.Reference<Enter>;
      const load = (await boundary.get("load", { reference: true })) as ivm.Reference<unknown>;
      boundary.release();
      return createSandbox(isolate, context, enter, load);
    },
  };
}

function createSandbox(
  isolate: ivm.Isolate,
  context: ivm.Context,
  enter: ivm.Reference<Enter>,
  load: ivm.Reference<unknown>,
): Sandbox {
  let isDisposedByUs = false;
  const outcomeOf = (error: unknown): EntryOutcome => {
    if (isDisposedByUs) return { kind: "disposed" };
    if (isolate.isDisposed) return { kind: "memory-limit" };
    if (error instanceof Error) {
      if (error.message === "Script execution timed out.") return { kind: "cpu-limit" };
      return { kind: "uncaught", stack: stackOf(error) };
    }
    return { kind: "uncaught", stack: `Uncaught ${String(error)}` };
  };
  return {
    async load({ code, fileName, env, cpuMs }) {
      try {
        const module = await isolate.compileModule(code, { filename: fileName });
        await module.instantiate(context, (specifier) => {
          throw new Error(`cannot import ${JSON.stringify(specifier)}: the bundle is one module`);
        });
        await module.evaluate({ timeout: cpuMs, promise: true });
        const reason = await load.apply(undefined, [module.namespace.derefInto(), JSON.stringify(env)], {
          timeout: cpuMs,
        });
        return reason === "" ? { kind: "ok" } : { kind: "no-handler", reason: String(reason) };
      } catch (error) {
        return outcomeOf(error);
      }
    },
    async enter(timeoutMs, ...message) {
      try {
        const body = message[5];
        if (body instanceof ArrayBuffer) {
          const copy = new ivm.ExternalCopy(body, { transferOut: true });
          (message as unknown[])[5] = copy.copyInto({ release: true, transferIn: true });
        }
        await enter.apply(undefined, message as never, { timeout: timeoutMs });
        return { kind: "ok" };
      } catch (error) {
        return outcomeOf(error);
      }
    },
    dispose() {
      isDisposedByUs = true;
      if (!isolate.isDisposed) isolate.dispose();
    },
  };
}

function answerQuestion(what: unknown, argument: unknown): string | ArrayBuffer {
  if (what === AskFor.entropy && typeof argument === "number") {
    const bytes = randomBytes(Math.min(MAX_ENTROPY_BYTES, Math.max(0, Math.trunc(argument))));
    return new Uint8Array(bytes).buffer;
  }
  if (what === AskFor.asciiDomain && typeof argument === "string") return domainToASCII(argument);
  return "";
}

/** The part of a stack that is the function's own: isolated-vm appends the host's frames behind its boundary mark. */
function stackOf(error: Error): string {
  const stack = String(error.stack ?? error);
  const boundary = stack.indexOf("\n    at (<isolated-vm boundary>)");
  return boundary === -1 ? stack : stack.slice(0, boundary);
}
