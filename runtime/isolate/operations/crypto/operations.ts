/**
 * Web Cryptography for an isolate, by Node's own.
 *
 * I1  Keys stay here: the isolate has a number and a description of each (key-table.ts).
 * I2  Every argument is read strictly before Node sees it (arguments.ts), and the cost of a call is bounded (cost.ts).
 * I3  A call that takes time runs in the isolate's lane (lanes.ts). Calls that Node carries out on the host's own thread do not.
 */
import { types } from "node:util";
import { type Measure, unmeasured } from "../../process/cpu-meter.ts";
import { CallError, type HostOperation, type HostOperations } from "../../process/host-calls.ts";
import { type Lane, poolLanes } from "../lanes.ts";
import { createDerivationOperations } from "./derivation-operations.ts";
import { toCallError } from "./failure.ts";
import { IsolateCrypto, MAX_INPUT_BYTES } from "./isolate-crypto.ts";
import { createKeyOperations } from "./key-operations.ts";
import { createMessageOperations } from "./message-operations.ts";

/** Default of the bytes that may wait and run for one isolate; its platform keeps to less (web/crypto/host-crypto.ts). */
const MIN_OPEN_BYTES = 2 * MAX_INPUT_BYTES;
/** Upper bound of the depth at which buffers are counted. Arguments of the platform are less deep. */
const MAX_DEPTH = 4;

export interface CryptoOptions {
  /** Default: a lane of its own. */
  lane?: Lane;
  /** The isolate's limit of memory: half as much may be under way here. */
  memoryMb?: number;
  /** Charges requests with the CPU time. Default: nothing is charged. */
  measure?: Measure | undefined;
}

/** The operations `crypto.*` for one isolate. */
export function createCryptoOperations({
  lane = poolLanes.open(),
  memoryMb = 0,
  measure = unmeasured,
}: CryptoOptions = {}): HostOperations {
  const crypto = new IsolateCrypto({ lane, measure });
  const guard = createGuard(Math.max(MIN_OPEN_BYTES, memoryMb * 512 * 1024));
  const operations = {
    ...createMessageOperations(crypto),
    ...createKeyOperations(crypto),
    ...createDerivationOperations(crypto),
  };
  const release: HostOperation = ([ids]) => {
    if (Array.isArray(ids)) for (const id of ids) crypto.keys.release(id);
    return undefined;
  };
  return Object.fromEntries([
    ...Object.entries(operations).map(([name, operation]) => [`crypto.${name}`, guard(operation)]),
    ["crypto.release", release],
  ]) as HostOperations;
}

/** Bounds the bytes that are under way, and answers failures in the isolate's terms. */
function createGuard(maxOpenBytes: number): (operation: HostOperation) => HostOperation {
  let openBytes = 0;
  return (operation) => async (values, context) => {
    const bytes = byteLengthOf(values);
    if (openBytes + bytes > maxOpenBytes)
      throw new CallError("QuotaExceededError", `more than ${maxOpenBytes} bytes are under way`);
    openBytes += bytes;
    try {
      return await operation(values, context);
    } catch (error) {
      throw toCallError(error);
    } finally {
      openBytes -= bytes;
    }
  };
}

function byteLengthOf(value: unknown, depth = 0): number {
  if (types.isArrayBuffer(value)) return value.byteLength;
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return 0;
  return Object.values(value).reduce<number>((sum, part) => sum + byteLengthOf(part, depth + 1), 0);
}
