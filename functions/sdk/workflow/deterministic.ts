/**
 * The clock and the chance of a workflow's code. While a turn runs, `Date`, `Math.random` and `crypto` give the same values in
 * every replay, and timers and `fetch` are refused. The rest of the time, as in steps, they are the platform's own.
 *
 * D1  A turn is one entry into the isolate: no step, and no other request, runs within it.
 */
import { uuidOf } from "./random.ts";

interface Turn {
  readonly at: number;
  readonly random: () => number;
}

let turn: Turn | undefined;
let isInstalled = false;

/** Runs the beginning of a turn; `leaveTurn` ends it. */
export function enterTurn(at: number, random: () => number): void {
  turn = { at, random };
}

export function leaveTurn(): void {
  turn = undefined;
}

/** Replaces the globals, once. `refuses`: timers and `fetch` throw in a turn. */
export function installDeterminism(refuses: boolean): void {
  if (isInstalled) return;
  isInstalled = true;
  replaceDate();
  const { random } = Math;
  Math.random = () => (turn === undefined ? random() : turn.random());
  replaceCrypto();
  if (refuses) for (const name of ["setTimeout", "setInterval", "fetch"] as const) refuseInTurn(name);
}

function replaceDate(): void {
  const Real = globalThis.Date;
  const now = Real.now.bind(Real);
  const current = () => (turn === undefined ? now() : turn.at);
  const Replaced = new Proxy(Real, {
    construct: (target, values: unknown[], newTarget) =>
      Reflect.construct(target, values.length === 0 ? [current()] : values, newTarget),
    apply: () => new Real(current()).toString(),
    get: (target, key, receiver) => (key === "now" ? current : Reflect.get(target, key, receiver)),
  });
  globalThis.Date = Replaced;
  Object.defineProperty(Real.prototype, "constructor", {
    value: Replaced,
    configurable: true,
    writable: true,
  });
}

function replaceCrypto(): void {
  const real = globalThis.crypto;
  const { randomUUID, getRandomValues } = real;
  const define = (name: string, value: unknown) =>
    Object.defineProperty(real, name, { value, configurable: true, writable: true });
  define("randomUUID", () => (turn === undefined ? randomUUID.call(real) : uuidOf(turn.random)));
  define("getRandomValues", (target: Uint8Array<ArrayBuffer>) => {
    if (turn === undefined) return getRandomValues.call(real, target);
    const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
    for (let index = 0; index < bytes.length; index += 1) bytes[index] = Math.floor(turn.random() * 256);
    return target;
  });
}

const INSTEAD = { setTimeout: "ctx.sleep", setInterval: "ctx.sleep", fetch: "ctx.step" } as const;

function refuseInTurn(name: keyof typeof INSTEAD): void {
  const real = globalThis[name] as (...values: unknown[]) => unknown;
  const replaced = (...values: unknown[]) => {
    if (turn !== undefined)
      throw Object.assign(
        new TypeError(
          `WORKFLOW_NOT_DETERMINISTIC: ${name} in a workflow's own code would act again at each replay; use ${INSTEAD[name]}`,
        ),
        { code: "WORKFLOW_NOT_DETERMINISTIC" },
      );
    return Reflect.apply(real, globalThis, values);
  };
  Object.defineProperty(globalThis, name, { value: replaced, configurable: true, writable: true });
}
