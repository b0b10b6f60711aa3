import type { Data } from "../host/boundary.ts";
import { toDictionary, toDOMString, toSequence } from "../webidl/webidl.ts";

/** The members of `JsonWebKey` in lexicographical order, the order of their conversion. */
const MEMBERS = "alg crv d dp dq e ext k key_ops kty n oth p priv pub q qi use x y".split(" ");
const OTHER_PRIME_MEMBERS = ["d", "r", "t"];

/** Converts the Web IDL dictionary `JsonWebKey`: strings, except `ext`, `key_ops` and `oth`. */
export function toJsonWebKey(value: unknown): Data {
  const source = toDictionary(value, "The key");
  const jwk: Record<string, Data> = {};
  for (const name of MEMBERS) {
    const member = source[name];
    if (member !== undefined) jwk[name] = convert(name, member);
  }
  return jwk;
}

function convert(name: string, value: unknown): Data {
  const context = `The key's ${name}`;
  if (name === "ext") return Boolean(value);
  if (name === "key_ops") return Array.from(toSequence(value, context), (one) => toDOMString(one, context));
  if (name === "oth") return Array.from(toSequence(value, context), (one) => toOtherPrime(one, context));
  return toDOMString(value, context);
}

function toOtherPrime(value: unknown, context: string): Data {
  const source = toDictionary(value, context);
  const prime: Record<string, Data> = {};
  for (const name of OTHER_PRIME_MEMBERS) {
    const member = source[name];
    if (member !== undefined) prime[name] = toDOMString(member, context);
  }
  return prime;
}
