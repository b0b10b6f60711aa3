/**
 * The arguments of an isolate's calls for cryptography. They are user input: Node's own code gets only values that are built here
 * anew, of strings, integers, buffers and keys.
 */
import { types } from "node:util";
import { KEY_FORMATS, KEY_USAGES } from "../../../../web/index.ts";
import { CallError } from "../../process/host-calls.ts";
import type { KeyTable } from "./key-table.ts";

type CryptoKey = import("node:crypto").webcrypto.CryptoKey;

/** Parameters of an algorithm, as Node's Web Cryptography takes them. */
export interface AlgorithmArgument {
  name: string;
  [member: string]: string | number | Uint8Array<ArrayBuffer> | CryptoKey;
}

type MemberKind = "bytes" | "count" | "key" | "text";

const MEMBERS: Readonly<Record<string, MemberKind>> = {
  name: "text",
  additionalData: "bytes",
  associatedData: "bytes",
  context: "bytes",
  counter: "bytes",
  customization: "bytes",
  domainSeparation: "count",
  functionName: "bytes",
  hash: "text",
  info: "bytes",
  iterations: "count",
  iv: "bytes",
  label: "bytes",
  length: "count",
  memory: "count",
  modulusLength: "count",
  namedCurve: "text",
  nonce: "bytes",
  outputLength: "count",
  parallelism: "count",
  passes: "count",
  public: "key",
  publicExponent: "bytes",
  salt: "bytes",
  saltLength: "count",
  secretValue: "bytes",
  tagLength: "count",
  version: "count",
};

const FORMATS: readonly string[] = KEY_FORMATS;
const USAGES: readonly string[] = KEY_USAGES;

const JWK_TEXTS = "alg crv d dp dq e k kty n p priv pub q qi use x y".split(" ");
const OTHER_PRIME_TEXTS = ["d", "r", "t"];

/** Upper bound of the length of a name or another short text. */
const MAX_TEXT_LENGTH = 64;
const MAX_UINT32 = 0xffff_ffff;
/** Upper bound of the length of a list. Usages and the primes of an RSA key are fewer. */
const MAX_LIST_LENGTH = 32;

/**
 * Upper bound of the material of one key. The largest kind of key, RSA of 16,384 bits as JWK, has 13,000 characters; secrets that
 * keys are derived from may be longer.
 */
export const MAX_KEY_BYTES = 64 * 1024;

export function readBytes(value: unknown, maxBytes: number): Uint8Array<ArrayBuffer> {
  if (!types.isArrayBuffer(value)) throw invalid("bytes were expected");
  if (value.byteLength > maxBytes)
    throw new CallError(
      "QuotaExceededError",
      `at most ${maxBytes} bytes are taken here, ${value.byteLength} were given`,
    );
  return new Uint8Array(value);
}

export function readFormat(value: unknown): string {
  if (typeof value !== "string" || !FORMATS.includes(value)) throw invalid("there is no such key format");
  return value;
}

export function readUsages(value: unknown): string[] {
  const usages = readList(value);
  if (!usages.every((usage) => typeof usage === "string" && USAGES.includes(usage)))
    throw invalid("there is no such key usage");
  return [...new Set(usages as string[])];
}

/** The parameters of an algorithm. `maxBytes` is the upper bound of each buffer. */
export function readAlgorithm(
  value: unknown,
  keys: Pick<KeyTable, "get">,
  maxBytes: number,
): AlgorithmArgument {
  const source = readRecord(value);
  const algorithm: Record<string, AlgorithmArgument[string]> = {};
  for (const [member, kind] of Object.entries(MEMBERS)) {
    const given = memberOf(source, member);
    if (given !== undefined) algorithm[member] = readMember(kind, given, keys, maxBytes);
  }
  const { name } = algorithm;
  if (typeof name !== "string") throw invalid("an algorithm has a name");
  return { ...algorithm, name };
}

function readMember(
  kind: MemberKind,
  value: unknown,
  keys: Pick<KeyTable, "get">,
  maxBytes: number,
): AlgorithmArgument[string] {
  switch (kind) {
    case "bytes":
      return readBytes(value, maxBytes);
    case "key":
      return keys.get(value);
    case "text":
      return readText(value, MAX_TEXT_LENGTH);
    case "count":
      if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > MAX_UINT32)
        throw invalid("an integer of 32 bits was expected");
      return value;
  }
}

/** A JSON Web Key, and the number of characters of its key material. */
export function readJwk(value: unknown): { jwk: Record<string, unknown>; materialBytes: number } {
  const source = readRecord(value);
  const jwk: Record<string, unknown> = {};
  let materialBytes = 0;
  const readTexts = (
    from: Record<string, unknown>,
    names: readonly string[],
    to: Record<string, unknown>,
  ) => {
    for (const name of names) {
      const given = memberOf(from, name);
      if (given === undefined) continue;
      const text = readText(given, MAX_KEY_BYTES);
      to[name] = text;
      materialBytes += text.length;
    }
  };
  readTexts(source, JWK_TEXTS, jwk);
  const ext = memberOf(source, "ext");
  if (ext !== undefined) jwk.ext = ext === true;
  const operations = memberOf(source, "key_ops");
  if (operations !== undefined)
    jwk.key_ops = readList(operations).map((operation) => readText(operation, MAX_TEXT_LENGTH));
  const others = memberOf(source, "oth");
  if (others !== undefined)
    jwk.oth = readList(others).map((other) => {
      const prime = {};
      readTexts(readRecord(other), OTHER_PRIME_TEXTS, prime);
      return prime;
    });
  if (materialBytes > MAX_KEY_BYTES)
    throw new CallError("QuotaExceededError", `a key has at most ${MAX_KEY_BYTES} bytes here`);
  return { jwk, materialBytes };
}

function memberOf(source: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(source, name) ? source[name] : undefined;
}

function readRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw invalid("an object was expected");
  return value as Record<string, unknown>;
}

function readList(value: unknown): unknown[] {
  if (!Array.isArray(value) || value.length > MAX_LIST_LENGTH)
    throw invalid(`a list of at most ${MAX_LIST_LENGTH} was expected`);
  return Array.from(value);
}

function readText(value: unknown, maxLength: number): string {
  if (typeof value !== "string" || value.length > maxLength)
    throw invalid(`a text of at most ${maxLength} characters was expected`);
  return value;
}

function invalid(message: string): CallError {
  return new CallError("TypeError", message);
}
