/**
 * The functions that the library for showing values asks of the platform (runtime/isolate/image/inspect-library.ts inserts the
 * calls): facts that otherwise only V8 knows, and showing one object so that a failure replaces that object alone.
 *
 * I1  Showing a value runs no trap of a proxy.
 */
import { getterOf } from "../webidl/buffer-source.ts";
import { inheritsFromProxy, isProxy, proxyDetails, proxyTargetOf } from "./proxies.ts";

/** The library's state during one call of `inspect`. */
interface Context {
  seen: unknown[];
  indentationLvl: number;
  currentDepth: number;
}

const { getOwnPropertyDescriptors, defineProperties } = Object;
const { deleteProperty } = Reflect;
const functionText = Function.prototype.toString;
const mapEntries: (this: unknown) => unknown = Map.prototype.entries;
const setValues: (this: unknown) => unknown = Set.prototype.values;

/** Whether a getter of the prototype accepts a value. */
function isOf(prototype: object, getter: string | symbol): (value: unknown) => boolean {
  const get = getterOf(prototype, getter as string);
  return (value) => {
    try {
      return get(value as object) !== undefined;
    } catch {
      return false;
    }
  };
}

const isBelow = Object.prototype.isPrototypeOf;
const isMadeBy = (made: object) => isBelow.bind(Object.getPrototypeOf(made) as object);
const isGenerator = isMadeBy(function* () {
  yield 0;
});
const isAsyncGenerator = isMadeBy(async function* () {
  yield 0;
});
const isAsync = isMadeBy(async () => undefined);

/** The kinds of values, by their fields. The library itself looks at names and texts, which user code can forge. */
const types = {
  isMap: isOf(Map.prototype, "size"),
  isSet: isOf(Set.prototype, "size"),
  isTypedArray: isOf(Object.getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag),
  isAsyncFunction: (value: object) => isAsync(value) || isAsyncGenerator(value),
  isGeneratorFunction: (value: object) => isGenerator(value) || isAsyncGenerator(value),
  // Only V8 sees the remaining entries of such an iterator. It is shown like any other iterator.
  isMapIterator: () => false,
  isSetIterator: () => false,
};

type Text = (this: object) => string;

/** By prototype: the text of a kind of Temporal. Filled at the first use: a snapshot has no Temporal. */
let temporalTexts: Map<object, readonly [name: string, text: Text]> | undefined;

function findTemporalTexts(): Map<object, readonly [name: string, text: Text]> {
  const { Temporal = {} } = globalThis as { Temporal?: Record<string, unknown> };
  const found = Object.getOwnPropertyNames(Temporal).map((name) => [name, Temporal[name]] as const);
  return new Map(
    found.flatMap(([name, kind]) =>
      typeof kind === "function" ? [[kind.prototype, [name, kind.prototype.toString]]] : [],
    ),
  );
}

/** The text of a Temporal value, which has no fields. */
function temporalText(value: object): string | undefined {
  temporalTexts ??= findTemporalTexts();
  if (isProxy(value)) return undefined;
  const kind = temporalTexts.get(Object.getPrototypeOf(value) as object);
  if (kind === undefined || Object.keys(value).length > 0) return undefined;
  const [name, text] = kind;
  try {
    return `Temporal.${name} ${text.call(value)}`;
  } catch {
    // The value has only the prototype.
    return undefined;
  }
}

export const libraryHooks = {
  proxyDetails,
  types,
  /** Shows one object at any depth. An object that cannot be shown is replaced alone. */
  showObject(context: Context, value: object, show: (value: object) => string): string {
    const { indentationLvl, currentDepth } = context;
    const depth = context.seen.length;
    return textOrReason(
      () => temporalText(value) ?? show(withoutTraps(value)),
      () => {
        context.seen.length = depth;
        Object.assign(context, { indentationLvl, currentDepth });
      },
    );
  },
};

/** The target of a value's proxies. If that inherits from a proxy: a copy of its own properties. */
export function withoutProxies(value: unknown): unknown {
  const found = proxyTargetOf(value);
  const isObject = (typeof found === "object" && found !== null) || typeof found === "function";
  return isObject ? withoutTraps(found) : found;
}

const standIns = new WeakMap<object, object>();

/** The value itself. If it inherits from a proxy: a copy of its own properties (I1). */
function withoutTraps(value: object): object {
  const found = proxyTargetOf(value) as object | null;
  if (found === null || !inheritsFromProxy(found)) return value;
  // Each object has one stand-in: the library finds circles by identity.
  const standIn = standIns.get(found) ?? ownPartOf(found);
  standIns.set(found, standIn);
  return standIn;
}

function ownPartOf(value: object): object {
  const own: PropertyDescriptorMap = getOwnPropertyDescriptors(value);
  for (const name of ["prototype", "constructor"]) deleteProperty(own, name);
  return defineProperties(sameKindAs(value), own);
}

function sameKindAs(value: object): object {
  if (typeof value === "function")
    return functionText.call(value).startsWith("class") ? class {} : () => undefined;
  if (Array.isArray(value)) return [];
  if (types.isMap(value)) return new Map(mapEntries.call(value) as Iterable<[unknown, unknown]>);
  if (types.isSet(value)) return new Set(setValues.call(value) as Iterable<unknown>);
  // `Error.isError` is missing while a snapshot is made.
  const { isError } = Error as { isError?: (value: unknown) => boolean };
  return isError?.(value) === true ? Object.create(Error.prototype) : {};
}

/** Runs a function that may run user code (`toString`, a getter). If it fails, returns the reason as text. */
export function textOrReason(show: () => string, onFailure: () => void = () => undefined): string {
  try {
    return show();
  } catch (error) {
    onFailure();
    try {
      return `(cannot be shown: ${messageOf(proxyTargetOf(error))})`;
    } catch {
      return "(cannot be shown)";
    }
  }
}

function messageOf(error: unknown): string {
  const isObject = typeof error === "object" && error !== null;
  if (isObject && inheritsFromProxy(error)) return "the thrown value inherits from a proxy";
  return error instanceof Error ? error.message : String(error);
}
