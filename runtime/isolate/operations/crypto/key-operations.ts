import type { webcrypto } from "node:crypto";
import { types } from "node:util";
import type { Data } from "../../../../web/index.ts";
import type { HostOperation } from "../../process/host-calls.ts";
import { MAX_KEY_BYTES, readBytes, readFormat, readJwk, readUsages } from "./arguments.ts";
import { checkCost } from "./cost.ts";
import type { IsolateCrypto } from "./isolate-crypto.ts";

type CryptoKey = webcrypto.CryptoKey;

/** Making, importing and exporting keys. */
export function createKeyOperations(crypto: IsolateCrypto): Record<string, HostOperation> {
  return {
    async generateKey([algorithm, extractable, usages], context) {
      const parameters = crypto.readAlgorithm(algorithm);
      checkCost(parameters);
      crypto.keys.requireRoom();
      const made = await crypto.callInLane(
        context,
        "generateKey",
        parameters,
        extractable === true,
        readUsages(usages),
      );
      if (!isPair(made)) return { key: crypto.addKey(made, Number(parameters.length ?? 0) / 8) };
      return { publicKey: crypto.addKey(made.publicKey), privateKey: crypto.addKey(made.privateKey) };
    },

    async importKey([format, material, algorithm, extractable, usages], context) {
      const as = readFormat(format);
      const parameters = crypto.readAlgorithm(algorithm);
      checkCost(parameters);
      crypto.keys.requireRoom();
      const rest = [parameters, extractable === true, readUsages(usages)];
      if (as === "jwk") {
        const { jwk, materialBytes } = readJwk(material);
        return crypto.addKey(await crypto.callAtOnce(context, "importKey", as, jwk, ...rest), materialBytes);
      }
      const bytes = readBytes(material, MAX_KEY_BYTES);
      return crypto.addKey(await crypto.callAtOnce(context, "importKey", as, bytes, ...rest), bytes.length);
    },

    async exportKey([format, key], context) {
      const exported = await crypto.callAtOnce(
        context,
        "exportKey",
        readFormat(format),
        crypto.keys.get(key),
      );
      return types.isArrayBuffer(exported) ? exported : (readJwk(exported).jwk as Data);
    },

    async wrapKey([format, key, wrappingKey, algorithm], context) {
      const rest = [crypto.keys.get(key), crypto.keys.get(wrappingKey), crypto.readAlgorithm(algorithm)];
      return (await crypto.callInLane(context, "wrapKey", readFormat(format), ...rest)) as ArrayBuffer;
    },

    async unwrapKey([format, wrapped, key, algorithm, keyAlgorithm, extractable, usages], context) {
      const bytes = readBytes(wrapped, 2 * MAX_KEY_BYTES);
      const parameters = crypto.readAlgorithm(keyAlgorithm);
      checkCost(parameters);
      crypto.keys.requireRoom();
      const rest = [
        crypto.keys.get(key),
        crypto.readAlgorithm(algorithm),
        parameters,
        extractable === true,
        readUsages(usages),
      ];
      return crypto.addKey(
        await crypto.callInLane(context, "unwrapKey", readFormat(format), bytes, ...rest),
        bytes.length,
      );
    },

    async getPublicKey([key, usages], context) {
      crypto.keys.requireRoom();
      return crypto.addKey(
        await crypto.callAtOnce(context, "getPublicKey", crypto.keys.get(key), readUsages(usages)),
      );
    },
  };
}

function isPair(made: unknown): made is { publicKey: CryptoKey; privateKey: CryptoKey } {
  return (made as { publicKey?: unknown }).publicKey !== undefined;
}
