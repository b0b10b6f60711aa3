/**
 * Web IDL in JavaScript: the conversion of values on their way into an interface (by `webidl-conversions`), and the outward
 * shape of an interface's object and prototype.
 */
import conversions from "webidl-conversions";

export { conversions };

export function toDOMString(value: unknown, context = "The value"): string {
  return typeof value === "string" ? value : conversions.DOMString(value, { context });
}

export function toUSVString(value: unknown, context = "The value"): string {
  return toDOMString(value, context).toWellFormed();
}

const WIDE = /[^\0-\xff]/;

export function toByteString(value: unknown, context = "The value"): string {
  if (typeof value === "string" && !WIDE.test(value)) return value;
  return conversions.ByteString(value, { context });
}

/** The object that holds a dictionary's members. The caller reads them one by one, in lexicographical order. */
export function toDictionary(value: unknown, context = "The value"): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (isObject(value)) return value as Record<string, unknown>;
  throw new TypeError(`${context} is not an object.`);
}

export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

export function toEnum<T extends string>(value: unknown, allowed: readonly T[], context = "The value"): T {
  const text = toDOMString(value, context);
  const known = allowed.find((one) => one === text);
  if (known === undefined)
    throw new TypeError(`${context} is ${JSON.stringify(text)}, which is none of ${allowed.join(", ")}.`);
  return known;
}

/** The elements of a `sequence<any>`, read lazily: converting an element may run code that affects the iterator. */
export function* toSequence(value: unknown, context = "The value"): Generator<unknown> {
  const method = isObject(value) ? (value as Iterable<unknown>)[Symbol.iterator] : undefined;
  if (typeof method !== "function") throw new TypeError(`${context} is not iterable.`);
  yield* { [Symbol.iterator]: () => Reflect.apply(method, value, []) as Iterator<unknown> };
}

export function requireArguments(given: number, needed: number, where: string): void {
  if (given < needed)
    throw new TypeError(
      `${where}: ${needed} argument${needed === 1 ? "" : "s"} required, but only ${given} present.`,
    );
}

type InterfaceObject = { readonly name: string; readonly prototype: object };

/**
 * Gives a class the shape of an interface: operations and attributes are enumerable, the class string is set, and the name is
 * the standard's name, which the bundler may have changed.
 */
export function asInterface(name: string, Interface: InterfaceObject): void {
  const { prototype } = Interface;
  for (const key of Object.getOwnPropertyNames(prototype))
    if (key !== "constructor") Object.defineProperty(prototype, key, { enumerable: true });
  for (const key of Object.getOwnPropertyNames(Interface))
    if (key !== "prototype" && key !== "name" && key !== "length")
      Object.defineProperty(Interface, key, { enumerable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(Interface, "name", { value: name, configurable: true });
}

/** Defines the constants of an interface on its object and its prototype. */
export function defineConstants(
  Interface: InterfaceObject,
  constants: Readonly<Record<string, number>>,
): void {
  for (const target of [Interface, Interface.prototype])
    for (const [key, value] of Object.entries(constants))
      Object.defineProperty(target, key, { value, enumerable: true });
}
