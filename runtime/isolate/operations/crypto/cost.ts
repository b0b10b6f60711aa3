/**
 * What a single call may cost. The host's threads do the work, where no limit of the isolate holds and nothing can be
 * stopped once it has begun: what would take long or much memory is refused before.
 */
import { CallError } from "../../process/host-calls.ts";
import type { AlgorithmArgument } from "./arguments.ts";

/** PBKDF2: iterations for each block of output. Six times what OWASP asks for, about a second with the slowest hash. */
const MAX_ITERATIONS = 4_000_000;
/** Argon2: KiB of memory, of which RFC 9106 asks 64 MiB where memory is scarce, and passes over all of it. */
const MAX_ARGON2_MEMORY = 64 * 1024;
const MAX_ARGON2_WORK = 16 * MAX_ARGON2_MEMORY;
const MAX_ARGON2_PARALLELISM = 64;
/** RSA: finding primes of twice the length takes ten times as long. */
const MAX_GENERATED_MODULUS_BITS = 4_096;
/** Bits of a key, of what is derived, and of the output of a hash that has no length of its own. */
const MAX_OUTPUT_BITS = 128 * 1024 * 8;

/** A derived HMAC key has the block size of its hash, which is at most that of SHA3-256. */
const MAX_BLOCK_BITS = 1_088;

/** For keys that are made and for hashes. */
export function checkCost(algorithm: AlgorithmArgument): void {
  const { modulusLength, length, outputLength } = algorithm;
  if (Number(modulusLength) > MAX_GENERATED_MODULUS_BITS)
    throw refused(`RSA keys of more than ${MAX_GENERATED_MODULUS_BITS} bits are not generated`);
  for (const bits of [length, outputLength]) checkBits(bits);
}

/** For what is derived: so many bits, or what a key of an algorithm needs. */
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
