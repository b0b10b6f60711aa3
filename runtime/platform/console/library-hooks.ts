/**
 * What the library that shows values asks of the platform (host/isolate/inspect-library.ts edits it so): what only V8
 * could tell it, and to lose one value where it would lose the whole line.
 *
 * I1  Showing a value runs no trap of a proxy.
 */
import { behindProxies, inheritsFromProxy, proxyDetails } from "../proxies.ts";

/** The state of the library's work on one call of `inspect`. */
interface Context {
  seen: unknown[];
  indentationLvl: number;
  currentDepth: number;
}

const { getOwnPropertyDescriptors, defineProperties } = Object;
const { deleteProperty } = Reflect;
const functionText = Function.prototype.toString;

export const libraryHooks = {
  proxyDetails,
  /** Shows one object, at any depth: one that cannot be shown costs itself alone. */
  showObject(context: Context, value: object, show: (value: object) => string): string {
    const { indentationLvl, currentDepth } = context;
    const depth = context.seen.length;
    return orReason(
      () => show(withoutTraps(value)),
      () => {
        context.seen.length = depth;
        Object.assign(context, { indentationLvl, currentDepth });
      },
    );
  },
};

const standIns = new WeakMap<object, object>();

/** The value, or where it inherits from a proxy what is its own (I1). */
function withoutTraps(value: object): object {
  const found = behindProxies(value) as object | null;
  if (found === null || !inheritsFromProxy(found)) return value;
  // The same one each time: that is what circles are found by.
  const standIn = standIns.get(found) ?? ownPartOf(found);
  standIns.set(found, standIn);
  return standIn;
}

function ownPartOf(value: object): object {
  const own: PropertyDescriptorMap = getOwnPropertyDescriptors(value);
  for (const name of ["prototype", "constructor"]) deleteProperty(own, name);
  if (typeof value !== "function") return defineProperties(Array.isArray(value) ? [] : {}, own);
  const isClass = functionText.call(value).startsWith("class");
  return defineProperties(isClass ? class {} : () => undefined, own);
}

/** Runs what may run user code (`toString`, a getter), which may fail. */
export function orReason(show: () => string, onFailure: () => void = () => undefined): string {
  try {
    return show();
  } catch (error) {
    onFailure();
    try {
      return `(cannot be shown: ${messageOf(behindProxies(error))})`;
    } catch {
      return "(cannot be shown)";
    }
  }
}

function messageOf(error: unknown): string {
  const isObject = typeof error === "object" && error !== null;
  if (isObject && inheritsFromProxy(error)) return "it throws what inherits from a proxy";
  return error instanceof Error ? error.message : String(error);
}
