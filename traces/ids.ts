import { randomFillSync } from "node:crypto";

const TRACE_BYTES = 16;
const SPAN_BYTES = 8;

/** Random bytes are cheap by the thousand, and dear one by one. */
const pool = Buffer.allocUnsafe(4_096);
let used = pool.length;

/** 32 hexadecimal digits. The last ones are random as samplers expect them. */
export function randomTraceId(): string {
  return randomHex(TRACE_BYTES);
}

/** 16 hexadecimal digits. */
export function randomSpanId(): string {
  return randomHex(SPAN_BYTES);
}

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString("hex", used - bytes, used);
}
