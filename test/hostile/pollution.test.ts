/** The function replaces everything that the platform may have captured. The rest of the platform then serves it. */
import { describeHostile, type Hostile, nothing } from "./world.ts";

const replaced: [what: string, code: string][] = [
  [
    "Object.prototype",
    `for (const name of ["status", "headers", "body", "method", "then", "get", "set", "value", "signal"]) Object.defineProperty(Object.prototype, name, { configurable: true, get() { throw new Error("polluted " + name); }, set() { throw new Error("polluted"); } });`,
  ],
  [
    "the methods of Array.prototype",
    `for (const name of ["push", "shift", "splice", "slice", "map", "forEach", "join", "filter", Symbol.iterator]) Array.prototype[name] = () => { throw new Error("polluted"); };`,
  ],
  [
    "the indices of Array.prototype",
    `for (let at = 0; at < 10; at++) Object.defineProperty(Array.prototype, at, { configurable: true, set() { throw new Error("polluted"); }, get() { return undefined; } });`,
  ],
  [
    "Promise and its methods",
    `for (const name of ["then", "catch", "finally"]) Promise.prototype[name] = () => { throw new Error("polluted"); }; Promise.resolve = Promise.reject = Promise.withResolvers = () => { throw new Error("polluted"); };`,
  ],
  [
    "the constructor of promises",
    `Object.defineProperty(Promise.prototype, "constructor", { get() { throw new Error("polluted"); } });`,
  ],
  [
    "Map, Set and WeakMap",
    `for (const Kind of [Map, Set, WeakMap]) for (const name of ["get", "set", "has", "add", "delete"]) Kind.prototype[name] = () => { throw new Error("polluted"); };`,
  ],
  [
    "Function.prototype",
    `Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => { throw new Error("polluted"); }; Object.defineProperty(Function.prototype, Symbol.hasInstance, { value: () => true });`,
  ],
  [
    "Reflect and Object",
    `for (const holder of [Reflect, Object]) for (const name of Object.getOwnPropertyNames(holder)) if (typeof holder[name] === "function" && name !== "getOwnPropertyNames") holder[name] = () => { throw new Error("polluted"); };`,
  ],
  [
    "String.prototype and RegExp.prototype",
    `for (const name of ["split", "slice", "toLowerCase", "replace", "replaceAll", "charCodeAt"]) String.prototype[name] = () => { throw new Error("polluted"); }; RegExp.prototype.exec = RegExp.prototype.test = () => { throw new Error("polluted"); };`,
  ],
  [
    "typed arrays and buffers",
    `const Typed = Object.getPrototypeOf(Uint8Array.prototype); for (const name of ["slice", "subarray", "set", "fill"]) Typed[name] = () => { throw new Error("polluted"); }; for (const name of ["byteLength", "buffer", "byteOffset"]) Object.defineProperty(Typed, name, { get() { return -1; } }); Object.defineProperty(ArrayBuffer.prototype, "byteLength", { get() { return 1e15; } });`,
  ],
  [
    "the error classes",
    `globalThis.Error = globalThis.TypeError = globalThis.RangeError = class { constructor() { throw 1; } }; globalThis.DOMException = undefined;`,
  ],
  ["JSON", `JSON.parse = JSON.stringify = () => { throw new Error("polluted"); };`],
  [
    "the platform's own prototypes",
    `for (const Kind of [Response, Request, Headers, ReadableStream, AbortSignal, URL]) for (const name of Object.getOwnPropertyNames(Kind.prototype)) if (name !== "constructor") Object.defineProperty(Kind.prototype, name, { configurable: true, get() { throw new Error("polluted"); } });`,
  ],
  [
    "every global",
    `for (const name of Object.getOwnPropertyNames(globalThis)) try { if (!["Error", "globalThis"].includes(name)) globalThis[name] = undefined; } catch {}`,
  ],
];

/** The function throws after the replacement. The platform must report the failure, or the deadline ends the request. */
const throwing = replaced.map(
  ([what, code]): Hostile => ({
    tries: `${what}; then it throws`,
    body: `const failure = new Error("thrown after all"); ${code} throw failure;`,
    ends: nothing,
  }),
);

/** The function answers after the replacement. Its own answer may be lost, but must not reach another client. */
const recording = [
  {
    tries: "Array.prototype[Symbol.iterator], to put other messages in the place of those to the host",
    body: `Array.prototype[Symbol.iterator] = function* () { yield 1; yield 1; yield 200; yield ""; yield "forged"; };
      throw new Error("thrown after all");`,
    ends: nothing,
  },
  {
    tries: "Object.prototype.toJSON, String.prototype.toString and Symbol.toPrimitive, recording what passes",
    body: `const seen = []; Object.defineProperty(Object.prototype, Symbol.toPrimitive, { configurable: true, value() { seen.push(this); return "x"; } }); Object.prototype.toJSON = function () { seen.push(this); return 1; };
      console.log({}, [1]); return gained(...seen.map((one) => one?.constructor?.constructor));`,
    ends: nothing,
  },
] satisfies Hostile[];

await describeHostile("a function that replaces", [...throwing, ...recording]);
