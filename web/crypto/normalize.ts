/** Converts the arguments of SubtleCrypto into data for the host, as Web IDL and "algorithm normalization" define it. */

import { DOMException } from "../dom/dom-exception.ts";
import type { Data } from "../host/boundary.ts";
import { bytesOf, copyOfBytes, typedArrayKind } from "../webidl/buffer-source.ts";
import { conversions, toDOMString } from "../webidl/webidl.ts";
import { findAlgorithm, type Member, type Operation } from "./algorithms.ts";
import { idOfKey } from "./crypto-key.ts";

/** The members that an operation needs, with `name`. A key is given by its id. */
export type NormalizedAlgorithm = { name: string; [member: string]: Data };

type Source = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Source {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** `AlgorithmIdentifier`, an object or a name. None of its members is read yet. */
export function toAlgorithmIdentifier(value: unknown): Source {
  return isObject(value) ? value : { name: toDOMString(value, "The algorithm") };
}

/** `readKey` gives the value that stands for a key among the members. */
export function normalizeAlgorithm(
  identifier: Source,
  operation: Operation,
  readKey: (key: unknown, context: string) => Data = idOfKey,
): NormalizedAlgorithm {
  const given = nameOf(identifier);
  const found = findAlgorithm(given, operation);
  if (found === undefined) {
    throw new DOMException(
      `${given.slice(0, 100)} is not an algorithm for ${operation}`,
      "NotSupportedError",
    );
  }
  const converted = found.members.map((member) => [member, convert(member, identifier, readKey)] as const);
  const result: NormalizedAlgorithm = { name: found.name };
  for (const [{ name, kind }, value] of converted) {
    if (value === undefined) continue;
    result[name] = settle(kind, value, `algorithm.${name}`);
  }
  return result;
}

function nameOf(identifier: Source): string {
  const { name } = identifier;
  if (name === undefined) throw new TypeError("algorithm.name is missing.");
  return toDOMString(name, "algorithm.name");
}

/** The first pass, over all members: converts their types. */
function convert(
  { name, kind, isRequired }: Member,
  identifier: Source,
  readKey: (key: unknown, context: string) => Data,
): unknown {
  const value = identifier[name];
  const context = `algorithm.${name}`;
  if (value === undefined) {
    if (isRequired) throw new TypeError(`${context} is missing.`);
    return undefined;
  }
  switch (kind) {
    case "bytes":
      bytesOf(value, context);
      return value;
    case "exponent":
      if (typedArrayKind(value) !== "Uint8Array") throw new TypeError(`${context} is not a Uint8Array.`);
      bytesOf(value, context);
      return value;
    case "hash":
      return toAlgorithmIdentifier(value);
    case "key":
      return readKey(value, context);
    case "text":
      return toDOMString(value, context);
    default:
      return conversions[kind](value, { enforceRange: true, context });
  }
}

/** The second pass: copies buffers and normalizes the names of hashes. */
function settle(kind: Member["kind"], value: unknown, context: string): Data {
  if (kind === "bytes" || kind === "exponent") return copyOfBytes(value, context);
  if (kind !== "hash") return value as Data;
  return normalizeAlgorithm(value as Source, "digest").name;
}
