import { splitHeaderBlock } from "../boundary.ts";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// A header value is bytes: what is over U+00FF is none (Fetch, "byte string").
// biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what is refused
const NOT_A_VALUE = /[\0\r\n]|[^\x00-\xff]/;
const EDGE_SPACE = /^[\t\n\r ]+|[\t\n\r ]+$/g;

const normalName = (name: unknown): string => {
  const text = `${name}`;
  if (!TOKEN.test(text)) throw new TypeError(`Invalid header name: ${JSON.stringify(text)}`);
  return text.toLowerCase();
};

const normalValue = (value: unknown): string => {
  const text = `${value}`.replace(EDGE_SPACE, "");
  if (NOT_A_VALUE.test(text))
    throw new TypeError("Invalid header value: it has a character that a header cannot carry");
  return text;
};

export type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>;

// The platform's own ways in and out of a Headers object: bound inside the class, out of user code's reach.

/** Fields as they came from the host, parsed when they are first looked at. */
export let headersFromBlock: (block: string) => Headers;
export let headersToBlock: (headers: Headers) => string;

/** `Headers` of the Fetch standard. Fields keep their order of insertion; iteration is sorted and combined. */
export class Headers {
  /** Lower-case name → values. */
  #fields: Map<string, string[]> | undefined;
  /** What came from the host and has not been looked at: most handlers never ask. */
  #block: string | undefined;

  constructor(init?: HeadersInit) {
    if (init === undefined) return;
    if (init === null || typeof init !== "object") throw new TypeError("Headers: the init is not an object");
    if (#fields in init) {
      for (const [name, values] of (init as Headers).#read()) this.#read().set(name, [...values]);
    } else if (Symbol.iterator in init) {
      for (const pair of init as Iterable<readonly [string, string]>) {
        const [name, value, ...rest] = [...pair];
        if (value === undefined || rest.length > 0)
          throw new TypeError("Headers: each pair has a name and a value");
        this.append(name as string, value);
      }
    } else {
      for (const name of Reflect.ownKeys(init)) {
        const descriptor = Reflect.getOwnPropertyDescriptor(init, name);
        if (descriptor?.enumerable)
          this.append(name as string, (init as Record<string, string>)[name as string] as string);
      }
    }
  }

  static {
    headersFromBlock = (block) => {
      const headers = new Headers();
      headers.#block = block;
      return headers;
    };
    headersToBlock = (headers) => {
      if (headers.#block !== undefined) return headers.#block;
      let block = "";
      for (const [name, values] of headers.#fields ?? [])
        for (const value of values) block += `${name}\n${value}\n`;
      return block;
    };
  }

  #read(): Map<string, string[]> {
    if (this.#fields !== undefined) return this.#fields;
    const fields = new Map<string, string[]>();
    for (const [name, value] of splitHeaderBlock(this.#block ?? "")) {
      const values = fields.get(name);
      if (values === undefined) fields.set(name, [value]);
      else values.push(value);
    }
    this.#block = undefined;
    this.#fields = fields;
    return fields;
  }

  append(name: string, value: string): void {
    const key = normalName(name);
    const text = normalValue(value);
    const values = this.#read().get(key);
    if (values === undefined) this.#read().set(key, [text]);
    else values.push(text);
  }

  set(name: string, value: string): void {
    this.#read().set(normalName(name), [normalValue(value)]);
  }

  delete(name: string): void {
    this.#read().delete(normalName(name));
  }

  has(name: string): boolean {
    return this.#read().has(normalName(name));
  }

  get(name: string): string | null {
    return this.#read().get(normalName(name))?.join(", ") ?? null;
  }

  getSetCookie(): string[] {
    return [...(this.#read().get("set-cookie") ?? [])];
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArgument?: unknown): void {
    for (const [name, value] of this) callback.call(thisArgument, value, name, this);
  }

  *entries(): IterableIterator<[string, string]> {
    const names = [...this.#read().keys()].sort();
    for (const name of names) {
      const values = this.#read().get(name) ?? [];
      // Cookies cannot be combined with commas (RFC 6265).
      if (name === "set-cookie") for (const value of values) yield [name, value];
      else yield [name, values.join(", ")];
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "Headers";
  }
}
