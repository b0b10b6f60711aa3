/** The cloning of the language's own kinds of objects, other than by their properties. */

import { DOMException, isDOMException } from "../dom/dom-exception.ts";
import { errorConstructors } from "../dom/error-constructors.ts";
import { isObject } from "../webidl/webidl.ts";
import { refuseCloning, registerCloneRule } from "./clone-rules.ts";

/** Reads a field that only one kind of objects has. Throws for all others. */
type Probe = (value: object) => unknown;

const probeWith =
  (probe: Probe) =>
  (value: object): value is never => {
    try {
      probe(value);
      return true;
    } catch {
      return false;
    }
  };

const { getTime } = Date.prototype;
const sourceOf = Object.getOwnPropertyDescriptor(RegExp.prototype, "source")?.get as () => string;
const { forEach: forEachOfMap } = Map.prototype;
const { forEach: forEachOfSet } = Set.prototype;
const sizeOfMap = Object.getOwnPropertyDescriptor(Map.prototype, "size")?.get as () => number;
const sizeOfSet = Object.getOwnPropertyDescriptor(Set.prototype, "size")?.get as () => number;

for (const Wrapper of [Boolean, Number, String, BigInt]) {
  const { valueOf: read } = Wrapper.prototype;
  registerCloneRule(Wrapper.prototype, {
    is: probeWith((value) => Reflect.apply(read, value, [])),
    clone: (value) => Object(Reflect.apply(read, value, [])),
  });
}

registerCloneRule<Date>(Date.prototype, {
  is: probeWith((value) => Reflect.apply(getTime, value, [])),
  clone: (value) => new Date(Reflect.apply(getTime, value, [])),
});

registerCloneRule<RegExp>(RegExp.prototype, {
  is: (value): value is RegExp =>
    value !== RegExp.prototype && probeWith((it) => Reflect.apply(sourceOf, it, []))(value),
  clone: (value) => new RegExp(Reflect.apply(sourceOf, value, []), value.flags),
});

/** The entries of a map, read before anything is cloned: cloning may run code that changes the map. */
export function entriesOfMap(value: object): [unknown, unknown][] {
  const entries: [unknown, unknown][] = [];
  Reflect.apply(forEachOfMap, value, [(item: unknown, key: unknown) => entries.push([key, item])]);
  return entries;
}

export function elementsOfSet(value: object): unknown[] {
  const elements: unknown[] = [];
  Reflect.apply(forEachOfSet, value, [(item: unknown) => elements.push(item)]);
  return elements;
}

const hasMapFields = probeWith((value) => Reflect.apply(sizeOfMap, value, []));
const hasSetFields = probeWith((value) => Reflect.apply(sizeOfSet, value, []));

// The prototype is tested first: a probe that fails is slow.
export const isMap = (value: object) => value instanceof Map && hasMapFields(value);
export const isSet = (value: object) => value instanceof Set && hasSetFields(value);

registerCloneRule<Error>(Error.prototype, {
  is: (value): value is Error => Error.isError(value) && !isDOMException(value),
  clone: (value, part) => {
    const name = String(value.name);
    const message = Object.getOwnPropertyDescriptor(value, "message");
    const stack = Object.getOwnPropertyDescriptor(value, "stack") && value.stack;
    const Constructor = Object.hasOwn(errorConstructors, name) ? errorConstructors[name] : undefined;
    const text = message !== undefined && "value" in message ? [String(message.value)] : [];
    const copy = new (Constructor ?? Error)(...text);
    if (typeof stack === "string") define(copy, "stack", stack);
    if (Object.hasOwn(value, "cause")) define(copy, "cause", part(value.cause));
    return copy;
  },
});

registerCloneRule<DOMException>(DOMException.prototype, {
  is: isDOMException,
  clone: (value) => {
    const copy = new DOMException(value.message, value.name);
    if (typeof value.stack === "string") define(copy, "stack", value.stack);
    return copy;
  },
});

function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, configurable: true, enumerable: false });
}

const generator = function* () {
  yield undefined;
};
const asyncGenerator = async function* () {
  yield undefined;
};
const prototypeOf = (value: object) => Object.getPrototypeOf(value) as object;

// Objects with an identity, or with state that cannot be read. All iterators have one prototype in common.
for (const prototype of [
  Promise.prototype,
  WeakMap.prototype,
  WeakSet.prototype,
  WeakRef.prototype,
  FinalizationRegistry.prototype,
  Symbol.prototype,
  prototypeOf(prototypeOf(prototypeOf(generator()))),
  prototypeOf(prototypeOf(prototypeOf(asyncGenerator()))),
])
  refuseCloning(prototype);

for (const name of Object.getOwnPropertyNames(Intl)) {
  const value = (Intl as unknown as Record<string, { prototype?: object } | undefined>)[name];
  if (value?.prototype !== undefined) refuseCloning(value.prototype);
}

let lateKinds: Newable[] | undefined;
type Newable = new () => object;

/** Kinds that cannot be cloned either, and do not exist while the snapshot is made. */
export function isOfLateKind(value: object): boolean {
  const { SharedArrayBuffer: shared, WebAssembly: wasm } = globalThis as Record<string, unknown>;
  lateKinds ??= [shared, ...membersOf(wasm)].filter(isClass);
  return lateKinds.some((Kind) => value instanceof Kind);
}

function membersOf(namespace: unknown): unknown[] {
  return Object.values(Object.getOwnPropertyDescriptors(namespace ?? {})).map((property) => property.value);
}

function isClass(value: unknown): value is Newable {
  return typeof value === "function" && isObject(value.prototype);
}
