/**
 * Bounds of the cost of one call. The host's threads do the work: no limit of the isolate holds there, and no work can be stopped
 * once it has begun. A call that would take much time or memory is refused before.
 */
import { CallError } from "../../process/host-calls.ts";
import type { AlgorithmArgument } from "./arguments.ts";

/** Upper bound of PBKDF2's iterations for all blocks of output: six times OWASP's recommendation, about a second with the slowest hash. */
const MAX_ITERATIONS = 4_000_000;
/** Upper bound of Argon2's memory in KiB: the 64 MiB that RFC 9106 recommends where memory is scarce. */
const MAX_ARGON2_MEMORY = 64 * 1024;
/** Upper bound of Argon2's memory times passes. */
const MAX_ARGON2_WORK = 16 * MAX_ARGON2_MEMORY;
const MAX_ARGON2_PARALLELISM = 64;
/** Upper bound of a generated RSA modulus: finding primes of twice the length takes ten times as long. */
const MAX_GENERATED_MODULUS_BITS = 4_096;
/** Upper bound of the bits of a key, of a derivation, and of a hash whose length the caller chooses. */
const MAX_OUTPUT_BITS = 128 * 1024 * 8;

/** Upper bound of the length of a derived HMAC key without a length: the block size of SHA3-256. */
const MAX_BLOCK_BITS = 1_088;

/** The check for generated and imported keys, and for hashes. */
export function checkCost(algorithm: AlgorithmArgument): void {
  const { modulusLength, length, outputLength } = algorithm;
  if (Number(modulusLength) > MAX_GENERATED_MODULUS_BITS)
    throw refused(`RSA keys of more than ${MAX_GENERATED_MODULUS_BITS} bits are not generated`);
  for (const bits of [length, outputLength]) checkBits(bits);
}

/** The check for derivations. `output` is a number of bits, or the algorithm of the derived key. */
export function checkDerivationCost(
  algorithm: AlgorithmArgument,
  output: number | AlgorithmArgument | null,
): void {
  const bits = Number((typeof output === "object" ? output?.length : output) ?? MAX_BLOCK_BITS);
  checkBits(bits);
  const { iterations, hash, memory, passes, parallelism } = algorithm;
  if (iterations !== undefined) {
    const blocks = Math.max(1, Math.ceil(bits / hashBits(String(hash))));
    if (Number(iterations) * blocks > MAX_ITERATIONS)
      throw refused(
        `PBKDF2 takes at most ${MAX_ITERATIONS} iterations, and ${blocks} times ${iterations} were asked for`,
      );
  }
  if (memory === undefined) return;
  if (Number(memory) > MAX_ARGON2_MEMORY)
    throw refused(`Argon2 takes at most ${MAX_ARGON2_MEMORY} KiB of memory`);
  if (Number(memory) * Number(passes) > MAX_ARGON2_WORK)
    throw refused(`Argon2 takes at most ${MAX_ARGON2_WORK} KiB of memory times passes`);
  if (Number(parallelism) > MAX_ARGON2_PARALLELISM)
    throw refused(`Argon2 takes a parallelism of at most ${MAX_ARGON2_PARALLELISM}`);
}

/** The length of a digest, which the hash's name ends with. */
function hashBits(hash: string): number {
  return hash === "SHA-1" ? 160 : Number(/\d{3}$/.exec(hash)?.[0] ?? 256);
}

function checkBits(bits: unknown): void {
  if (Number(bits) > MAX_OUTPUT_BITS) throw refused(`at most ${MAX_OUTPUT_BITS} bits are made at a time`);
}

function refused(message: string): CallError {
  return new CallError("OperationError", message);
}
