import { generateKeyPairSync, webcrypto } from "node:crypto";
import { CallError } from "../../process/host-calls.ts";
import { MAX_KEY_BYTES, readAlgorithm } from "./arguments.ts";
import { checkCost, checkDerivationCost } from "./cost.ts";

type CryptoKey = webcrypto.CryptoKey;
type Supports = (operation: string, algorithm: object, additional: object | number | null) => boolean;

/**
 * Answers `SubtleCrypto.supports` of an isolate: "yes", or "". The argument is user input: the name of an operation, an
 * algorithm, and a length, another algorithm or null.
 */
export function answerCryptoSupport(argument: unknown): string {
  const { supports } = webcrypto.subtle.constructor as unknown as { supports?: Supports };
  if (supports === undefined || !Array.isArray(argument)) return "";
  const [operation, algorithm, additional] = argument as unknown[];
  try {
    const parameters = readAlgorithm(algorithm, standIns, MAX_KEY_BYTES);
    const isAlgorithm = typeof additional === "object" && additional !== null;
    const other = isAlgorithm ? readAlgorithm(additional, standIns, MAX_KEY_BYTES) : null;
    checkCost(parameters);
    const length = typeof additional === "number" ? additional : null;
    checkDerivationCost(parameters, other ?? length);
    const isSupported = Reflect.apply(supports, webcrypto.subtle.constructor, [
      String(operation),
      parameters,
      other ?? length,
    ]);
    return isSupported ? "yes" : "";
  } catch {
    return "";
  }
}

const standIn = new Map<string, CryptoKey>();

/** Stand-ins for keys: a question describes the kind of a key, and has no key table. */
const standIns = {
  get(description: unknown): CryptoKey {
    const { type, name, curve } = (description ?? {}) as Record<string, unknown>;
    const kind = `${type} ${name} ${curve}`;
    const known = standIn.get(kind) ?? makeStandIn(kind);
    if (known === undefined) throw new CallError("InvalidAccessError", "there is no such key");
    standIn.set(kind, known);
    return known;
  },
};

function makeStandIn(kind: string): CryptoKey | undefined {
  switch (kind) {
    case "public X25519 ":
      return generateKeyPairSync("x25519").publicKey.toCryptoKey("X25519", true, []);
    case "public X448 ":
      return generateKeyPairSync("x448").publicKey.toCryptoKey("X448", true, []);
    case "public ECDH P-256":
    case "public ECDH P-384":
    case "public ECDH P-521": {
      const namedCurve = kind.slice(-5);
      const { publicKey } = generateKeyPairSync("ec", { namedCurve });
      return publicKey.toCryptoKey({ name: "ECDH", namedCurve }, true, []);
    }
    default:
      return undefined;
  }
}
