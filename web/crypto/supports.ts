/** `SubtleCrypto.supports` (Modern Algorithms in the Web Cryptography API). The isolate reads the arguments, the host answers. */
import { AskFor, type Data } from "../host/boundary.ts";
import { askHost } from "../host/host-link.ts";
import { conversions, toDOMString } from "../webidl/webidl.ts";
import type { Operation } from "./algorithms.ts";
import { describeKey } from "./crypto-key.ts";
import { normalizeAlgorithm, toAlgorithmIdentifier } from "./normalize.ts";

/** The operations by which an algorithm may be normalized. The first that succeeds is taken. */
const NORMALIZATIONS: Readonly<Record<string, readonly Operation[]>> = {
  decapsulateBits: ["decapsulate"],
  decapsulateKey: ["decapsulate"],
  decrypt: ["decrypt"],
  deriveBits: ["deriveBits"],
  deriveKey: ["deriveBits"],
  digest: ["digest"],
  encapsulateBits: ["encapsulate"],
  encapsulateKey: ["encapsulate"],
  encrypt: ["encrypt"],
  exportKey: ["exportKey"],
  generateKey: ["generateKey"],
  getPublicKey: ["exportKey"],
  importKey: ["importKey"],
  sign: ["sign"],
  unwrapKey: ["unwrapKey", "decrypt"],
  verify: ["verify"],
  wrapKey: ["wrapKey", "encrypt"],
};

/** The operations by which the algorithm of a second key is normalized. All of them must succeed. */
const ADDITIONAL: Readonly<Record<string, readonly Operation[]>> = {
  decapsulateKey: ["importKey"],
  deriveKey: ["importKey", "get key length"],
  encapsulateKey: ["importKey"],
  unwrapKey: ["importKey"],
  wrapKey: ["exportKey"],
};

export function supports(operationName: unknown, algorithm: unknown, lengthOrAlgorithm: unknown): boolean {
  const operation = toDOMString(operationName);
  const identifier = toAlgorithmIdentifier(algorithm);
  const ways = Object.hasOwn(NORMALIZATIONS, operation) ? NORMALIZATIONS[operation] : undefined;
  if (ways === undefined) return false;
  const others = ADDITIONAL[operation];
  const additional = others === undefined ? undefined : toAlgorithmIdentifier(lengthOrAlgorithm);
  const length =
    operation === "deriveBits" && lengthOrAlgorithm !== null
      ? conversions["unsigned long"](lengthOrAlgorithm, { enforceRange: true, context: "The length" })
      : null;
  const normalized = attempt(() => {
    const other = others?.map((way) => normalizeAlgorithm(additional ?? {}, way, describeKey));
    return [normalizeFirst(identifier, ways), other === undefined ? length : Object.assign({}, ...other)];
  });
  return normalized !== undefined && askHost(AskFor.cryptoSupport, [operation, ...normalized]) === "yes";
}

function normalizeFirst(
  identifier: Parameters<typeof normalizeAlgorithm>[0],
  ways: readonly Operation[],
): Data {
  const [way, ...rest] = ways;
  if (way === undefined) throw new TypeError("There is no such algorithm.");
  const found = attempt(() => normalizeAlgorithm(identifier, way, describeKey));
  return found ?? normalizeFirst(identifier, rest);
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
