/** Readers of what isolates hand to the bindings' operations. All of it is user input. */
import { MAX_KEY_BYTES } from "../../../../../nats/index.ts";
import { CallError } from "../host-calls.ts";

export function readKey(value: unknown, what = "A key"): string {
  if (typeof value !== "string" || value === "" || !value.isWellFormed()) {
    throw new CallError("TypeError", `${what} is a text that is not empty, without lone surrogates`);
  }
  const size = Buffer.byteLength(value);
  if (size > MAX_KEY_BYTES) {
    throw new CallError("RangeError", `${what} has at most ${MAX_KEY_BYTES} bytes; this one has ${size}`);
  }
  return value;
}

export function readPrefix(value: unknown): string {
  return value === undefined || value === "" ? "" : readKey(value, "A prefix");
}

export function readBytes(value: unknown, maxBytes: number, what: string): Uint8Array {
  const bytes =
    typeof value === "string"
      ? Buffer.from(value)
      : value instanceof ArrayBuffer
        ? new Uint8Array(value)
        : undefined;
  if (bytes === undefined) throw new CallError("TypeError", `${what} is a text or bytes`);
  if (bytes.byteLength > maxBytes) {
    throw new CallError(
      "RangeError",
      `${what} has at most ${maxBytes} bytes (nats-server's max_payload); this one has ${bytes.byteLength}`,
    );
  }
  return bytes;
}

export function readWhole(
  value: unknown,
  { name, min, max }: { name: string; min: number; max: number },
): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new CallError("RangeError", `${name} is a whole number from ${min} to ${max}`);
}
