/** Readers of the arguments of operations. Every argument is user input. */
import { MAX_KEY_BYTES } from "../../../../nats/index.ts";
import { CallError } from "../../process/host-calls.ts";

export function readKey(value: unknown, label = "A key"): string {
  if (typeof value !== "string" || value === "" || !value.isWellFormed()) {
    throw new CallError("TypeError", `${label} is a text that is not empty, without lone surrogates`);
  }
  const size = Buffer.byteLength(value);
  if (size > MAX_KEY_BYTES) {
    throw new CallError("RangeError", `${label} has at most ${MAX_KEY_BYTES} bytes; this one has ${size}`);
  }
  return value;
}

export function readPrefix(value: unknown): string {
  return value === undefined || value === "" ? "" : readKey(value, "A prefix");
}

export function readWhole(
  value: unknown,
  { name, min, max }: { name: string; min: number; max: number },
): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new CallError("RangeError", `${name} is a whole number from ${min} to ${max}`);
}

/** Reads the cursor of a page, as the preceding page gave it. */
export function readCursor(value: unknown): number {
  if (value === undefined) return 0;
  const after = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  if (after === undefined) throw new CallError("TypeError", "cursor is the cursor of the preceding page");
  return after;
}

/** Reads alternating names and values: headers, metadata. */
export function readPairs(
  value: unknown,
  { maxBytes, label }: { maxBytes: number; label: string },
): [string, string][] {
  const pairs: [string, string][] = [];
  if (!Array.isArray(value)) return pairs;
  let size = 0;
  for (let index = 0; index + 1 < value.length; index += 2) {
    const [name, text]: unknown[] = [value[index], value[index + 1]];
    if (typeof name !== "string" || typeof text !== "string")
      throw new CallError("TypeError", `${label} are texts`);
    if (!name.isWellFormed() || !text.isWellFormed())
      throw new CallError("TypeError", `${label} are texts without lone surrogates`);
    size += Buffer.byteLength(name) + Buffer.byteLength(text) + 4;
    if (size > maxBytes) throw new CallError("RangeError", `${label} have at most ${maxBytes} bytes`);
    pairs.push([name, text]);
  }
  return pairs;
}
