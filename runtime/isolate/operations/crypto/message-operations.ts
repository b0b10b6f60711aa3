import type { HostOperation } from "../../process/host-calls.ts";
import { readBytes } from "./arguments.ts";
import { checkCost } from "./cost.ts";
import { type IsolateCrypto, MAX_INPUT_BYTES } from "./isolate-crypto.ts";
import { digestAtOnce } from "./small-digest.ts";

/** Encryption, signatures and hashes. */
export function createMessageOperations(crypto: IsolateCrypto): Record<string, HostOperation> {
  const cipher =
    (method: string): HostOperation =>
    async ([algorithm, key, bytes], context) => {
      const parameters = crypto.readAlgorithm(algorithm, MAX_INPUT_BYTES);
      const rest = [crypto.keys.get(key), crypto.readData(bytes)];
      return (await crypto.callInLane(context, method, parameters, ...rest)) as ArrayBuffer;
    };

  return {
    encrypt: cipher("encrypt"),
    decrypt: cipher("decrypt"),

    async sign([algorithm, key, bytes], context) {
      const parameters = crypto.readAlgorithm(algorithm);
      checkCost(parameters);
      return (await crypto.callInLane(
        context,
        "sign",
        parameters,
        crypto.keys.get(key),
        crypto.readData(bytes),
      )) as ArrayBuffer;
    },

    async verify([algorithm, key, signature, bytes], context) {
      const parameters = crypto.readAlgorithm(algorithm);
      checkCost(parameters);
      const given = readBytes(signature, MAX_INPUT_BYTES);
      return (
        (await crypto.callInLane(
          context,
          "verify",
          parameters,
          crypto.keys.get(key),
          given,
          crypto.readData(bytes),
        )) === true
      );
    },

    async digest([algorithm, bytes], context) {
      const [parameters, message] = [crypto.readAlgorithm(algorithm), crypto.readData(bytes)];
      checkCost(parameters);
      const digest = digestAtOnce(parameters, message);
      return digest ?? ((await crypto.callInLane(context, "digest", parameters, message)) as ArrayBuffer);
    },
  };
}
