import { CallError, type HostOperation } from "../../process/host-calls.ts";
import { MAX_KEY_BYTES, readBytes, readUsages } from "./arguments.ts";
import { checkCost, checkDerivationCost } from "./cost.ts";
import type { IsolateCrypto } from "./isolate-crypto.ts";

/** Keys and bits out of other keys: derivation and encapsulation. */
export function createDerivationOperations(crypto: IsolateCrypto): Record<string, HostOperation> {
  return {
    async deriveKey([algorithm, key, derivedType, extractable, usages], context) {
      const [parameters, derived] = [crypto.readAlgorithm(algorithm), crypto.readAlgorithm(derivedType)];
      checkDerivationCost(parameters, derived);
      crypto.keys.requireRoom();
      const rest = [crypto.keys.get(key), derived, extractable === true, readUsages(usages)];
      return crypto.addKey(
        await crypto.callInLane(context, "deriveKey", parameters, ...rest),
        Number(derived.length ?? 0) / 8,
      );
    },

    async deriveBits([algorithm, key, length], context) {
      const parameters = crypto.readAlgorithm(algorithm);
      const bits = length === null || length === undefined ? null : readCount(length);
      checkDerivationCost(parameters, bits);
      return (await crypto.callInLane(
        context,
        "deriveBits",
        parameters,
        crypto.keys.get(key),
        bits,
      )) as ArrayBuffer;
    },

    async encapsulateBits([algorithm, key], context) {
      const made = await crypto.callInLane(
        context,
        "encapsulateBits",
        crypto.readAlgorithm(algorithm),
        crypto.keys.get(key),
      );
      const { sharedKey, ciphertext } = made as { sharedKey: ArrayBuffer; ciphertext: ArrayBuffer };
      return { sharedKey, ciphertext };
    },

    async encapsulateKey([algorithm, key, sharedAlgorithm, extractable, usages], context) {
      const shared = crypto.readAlgorithm(sharedAlgorithm);
      checkCost(shared);
      crypto.keys.requireRoom();
      const rest = [crypto.keys.get(key), shared, extractable === true, readUsages(usages)];
      const made = await crypto.callInLane(
        context,
        "encapsulateKey",
        crypto.readAlgorithm(algorithm),
        ...rest,
      );
      const { sharedKey, ciphertext } = made as { sharedKey: unknown; ciphertext: ArrayBuffer };
      return { sharedKey: crypto.addKey(sharedKey), ciphertext };
    },

    async decapsulateBits([algorithm, key, ciphertext], context) {
      const rest = [crypto.keys.get(key), readBytes(ciphertext, MAX_KEY_BYTES)];
      return (await crypto.callInLane(
        context,
        "decapsulateBits",
        crypto.readAlgorithm(algorithm),
        ...rest,
      )) as ArrayBuffer;
    },

    async decapsulateKey([algorithm, key, ciphertext, sharedAlgorithm, extractable, usages], context) {
      const shared = crypto.readAlgorithm(sharedAlgorithm);
      checkCost(shared);
      crypto.keys.requireRoom();
      const bytes = readBytes(ciphertext, MAX_KEY_BYTES);
      const rest = [crypto.keys.get(key), bytes, shared, extractable === true, readUsages(usages)];
      return crypto.addKey(
        await crypto.callInLane(context, "decapsulateKey", crypto.readAlgorithm(algorithm), ...rest),
      );
    },
  };
}

function readCount(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw new CallError("TypeError", "an integer of 32 bits was expected");
  return value;
}
