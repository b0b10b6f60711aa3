// biome-ignore-all lint/complexity/noArguments: rest parameters would change the methods' length
/**
 * `Headers` of the Fetch standard.
 *
 * I1  Fields from the host stay one string until they are read: most handlers never read them.
 * I2  Fields are two parallel arrays, in the order of insertion. For a handful of fields a linear search is faster than a
 *     map, which would have to be made.
 * I3  Only the guard "immutable" is implemented. The guards of requests and responses keep pages from forging headers of
 *     the browser. There is no browser here, and a server must be able to set a cookie or a host.
 */

import { showFields } from "../console/inspection.ts";
import { splitHeaderBlock } from "../host/boundary.ts";
import { asInterface, requireArguments, toByteString, toSequence } from "../webidl/webidl.ts";
import { definePairIterable } from "../webidl/webidl-iterable.ts";
import { trimHttpWhitespace } from "./http-whitespace.ts";

export type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>;

// The platform's own access to a Headers object, bound inside the class, out of user code's reach.

/** Fields from the host. Their names are in lower case. */
export let headersFromBlock: (block: string, isImmutable: boolean) => Headers;
export let headersToBlock: (headers: Headers) => string;
/** A copy of all fields, with the same guard. */
export let cloneHeaders: (headers: Headers) => Headers;
/** A copy of all fields that can be changed. */
export let mutableCopy: (headers: Headers) => Headers;
export let makeImmutable: (headers: Headers) => Headers;
/** The result of `get`, independent of user code's `Headers.prototype`. */
export let getHeader: (headers: Headers, lowerName: string) => string | null;
/** Adds a valid field, unless a field of that name exists. */
export let addDefaultHeader: (headers: Headers, lowerName: string, value: string) => void;

export class Headers {
  // Defined below, as for every pair iterable.
  declare readonly entries: () => IterableIterator<[string, string]>;
  declare readonly keys: () => IterableIterator<string>;
  declare readonly values: () => IterableIterator<string>;
  declare readonly forEach: (
    callback: (value: string, name: string, headers: Headers) => void,
    thisArgument?: unknown,
  ) => void;
  declare readonly [Symbol.iterator]: () => IterableIterator<[string, string]>;

  /** Lower-case names. The value of each is at the same index of `#values`. */
  #names: string[] = [];
  #values: string[] = [];
  #block: string | undefined;
  #isImmutable = false;
  /** The pairs of the iteration, kept until the next change. */
  #sorted: (readonly [string, string])[] | undefined;

  constructor(init: HeadersInit | undefined = undefined) {
    if (init === undefined) return;
    if (init === null || (typeof init !== "object" && typeof init !== "function"))
      throw new TypeError("Headers: the init is neither a sequence nor a record.");
    const iterator = (init as Partial<Iterable<unknown>>)[Symbol.iterator];
    if (#names in init && iterator === ownIterator) this.#copy(init as Headers);
    else {
      const isSequence = iterator !== undefined && iterator !== null;
      for (const [name, value] of isSequence ? pairsOfSequence(init, iterator) : pairsOfRecord(init))
        this.#add(checkName(name), checkValue(value));
    }
  }

  append(name: string, value: string): void {
    this.#read();
    requireArguments(arguments.length, 2, "Headers.append");
    const [rawName, rawValue] = [toByteString(name), toByteString(value)];
    const [key, text] = [checkName(rawName), checkValue(rawValue)];
    this.#beforeChange();
    this.#add(key, text);
  }

  delete(name: string): void {
    this.#read();
    requireArguments(arguments.length, 1, "Headers.delete");
    const key = checkName(toByteString(name));
    this.#beforeChange();
    this.#remove(key, 0);
  }

  get(name: string): string | null {
    this.#read();
    requireArguments(arguments.length, 1, "Headers.get");
    return this.#combined(checkName(toByteString(name)));
  }

  getSetCookie(): string[] {
    this.#read();
    return this.#valuesOf("set-cookie");
  }

  has(name: string): boolean {
    this.#read();
    requireArguments(arguments.length, 1, "Headers.has");
    return this.#names.includes(checkName(toByteString(name)));
  }

  set(name: string, value: string): void {
    this.#read();
    requireArguments(arguments.length, 2, "Headers.set");
    const [rawName, rawValue] = [toByteString(name), toByteString(value)];
    const [key, text] = [checkName(rawName), checkValue(rawValue)];
    this.#beforeChange();
    const at = this.#names.indexOf(key);
    if (at === -1) this.#add(key, text);
    else {
      this.#values[at] = text;
      this.#remove(key, at + 1);
    }
  }

  /** Parses the fields from the host. Throws if `this` is not a Headers object. */
  #read(): void {
    const block = this.#block;
    if (block === undefined) return;
    this.#block = undefined;
    for (const [name, value] of splitHeaderBlock(block)) this.#add(name, value);
  }

  #beforeChange(): void {
    if (this.#isImmutable) throw new TypeError("Headers: these are immutable.");
    this.#sorted = undefined;
  }

  #add(lowerName: string, value: string): void {
    this.#names.push(lowerName);
    this.#values.push(value);
  }

  #remove(lowerName: string, from: number): void {
    for (let at = this.#names.indexOf(lowerName, from); at !== -1; at = this.#names.indexOf(lowerName, at)) {
      this.#names.splice(at, 1);
      this.#values.splice(at, 1);
    }
  }

  #combined(lowerName: string): string | null {
    const first = this.#names.indexOf(lowerName);
    if (first === -1) return null;
    if (this.#names.indexOf(lowerName, first + 1) === -1) return this.#values[first] as string;
    return this.#valuesOf(lowerName).join(", ");
  }

  #valuesOf(lowerName: string): string[] {
    return this.#values.filter((_, index) => this.#names[index] === lowerName);
  }

  #copy(other: Headers): void {
    this.#block = other.#block;
    this.#names = [...other.#names];
    this.#values = [...other.#values];
  }

  /** Sorted by name. Values of one name are combined, except cookies, which cannot be combined by commas (RFC 6265). */
  #sortAndCombine(): (readonly [string, string])[] {
    this.#read();
    this.#sorted ??= [...new Set(this.#names)]
      .sort()
      .flatMap((name): (readonly [string, string])[] =>
        name === "set-cookie"
          ? this.#valuesOf(name).map((value) => [name, value] as const)
          : [[name, this.#combined(name) as string]],
      );
    return this.#sorted;
  }

  static {
    headersFromBlock = (block, isImmutable) => {
      const headers = new Headers();
      if (block !== "") headers.#block = block;
      headers.#isImmutable = isImmutable;
      return headers;
    };
    headersToBlock = (headers) => {
      if (headers.#block !== undefined) return headers.#block;
      let block = "";
      const values = headers.#values;
      headers.#names.forEach((name, index) => {
        block += `${name}\n${values[index]}\n`;
      });
      return block;
    };
    mutableCopy = (headers) => {
      const copy = new Headers();
      copy.#copy(headers);
      return copy;
    };
    cloneHeaders = (headers) => {
      const copy = mutableCopy(headers);
      copy.#isImmutable = headers.#isImmutable;
      return copy;
    };
    makeImmutable = (headers) => {
      headers.#isImmutable = true;
      return headers;
    };
    getHeader = (headers, lowerName) => {
      headers.#read();
      return headers.#combined(lowerName);
    };
    addDefaultHeader = (headers, lowerName, value) => {
      headers.#read();
      if (headers.#names.includes(lowerName)) return;
      headers.#sorted = undefined;
      headers.#add(lowerName, value);
    };
    definePairIterable<Headers, string, string>(Headers, "Headers", (headers) => headers.#sortAndCombine());
  }
}

asInterface("Headers", Headers);
showFields(Headers, "Headers", (headers) => Object.fromEntries(headers), { isAlwaysWhole: true });

const ownIterator = Headers.prototype[Symbol.iterator];

/** All pairs are converted before the first field is added: the conversion runs user code. */
function pairsOfSequence(init: object, iterator: () => Iterator<unknown>): [string, string][] {
  const pairs: [string, string][] = [];
  // The iterator's getter was already read. User code must see one read only.
  const sequence = { [Symbol.iterator]: () => Reflect.apply(iterator, init, []) };
  for (const pair of sequence) {
    const items = Array.from(toSequence(pair, "Headers: a pair of the init"), (item) => toByteString(item));
    const [name, value] = items;
    if (items.length !== 2 || name === undefined || value === undefined)
      throw new TypeError("Headers: each pair of the init has a name and a value.");
    pairs.push([name, value]);
  }
  return pairs;
}

function pairsOfRecord(init: object): [string, string][] {
  const pairs: [string, string][] = [];
  for (const key of Reflect.ownKeys(init)) {
    // Asks an object the same as a descriptor would, and makes none.
    if (!Reflect.apply(isOwnEnumerable, init, [key])) continue;
    const name = toByteString(key);
    pairs.push([name, toByteString((init as Record<string, unknown>)[name])]);
  }
  return pairs;
}

const { propertyIsEnumerable: isOwnEnumerable } = Object.prototype;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function checkName(name: string): string {
  if (!TOKEN.test(name)) throw new TypeError(`Headers: ${JSON.stringify(name)} is not a valid name.`);
  return name.toLowerCase();
}

/** A value without white space at its ends, and without characters that need a look. Most values are such. */
const PLAIN_VALUE = /^[!-~](?:[ -~]*[!-~])?$/;

/** `ByteString` has already refused characters over U+00FF. */
function checkValue(value: string): string {
  if (PLAIN_VALUE.test(value)) return value;
  const text = trimHttpWhitespace(value);
  if (/[\0\r\n]/.test(text))
    throw new TypeError(`Headers: ${JSON.stringify(text)} has a character that no header carries.`);
  return text;
}
