/** The sizes of sealed values. All but the content has a known length, so that the one gives the other. */
import { IS_LAST, MAX_PART_BYTES, NUMBER, STREAM } from "./part.ts";
import { PLACE } from "./place.ts";

/** The lengths of a wrapped key, nonce and tag in base64url, and of the four dots between the parts. */
const FIXED = 54 + 16 + 22 + 4;
const DIGEST_LENGTH = 43;
const STREAM_ID_LENGTH = 22;
/** A label's key id is longer than the label by a dot and this. */
const KEY_ID_LENGTH = 12;

/** The length of a text in base64url. */
const coded = (bytes: number) => Math.ceil((bytes * 4) / 3);

function lengthOfHeader(label: string, more: object = {}): number {
  const kid = "x".repeat(label.length + 1 + KEY_ID_LENGTH);
  const header = { alg: "A256KW", enc: "A256GCM", kid, [PLACE]: "x".repeat(DIGEST_LENGTH), ...more };
  return coded(JSON.stringify(header).length);
}

/** The most bytes that fit, sealed for a label, into `maxBytes`. */
export function clearBytesOf(maxBytes: number, label: string): number {
  return Math.max(0, Math.floor(((maxBytes - FIXED - lengthOfHeader(label)) * 3) / 4));
}

/** The clear bytes of a stream of this sealed size; 0 for a size that no stream has. */
export function clearBytesOfStream(sealedBytes: number, label: string): number {
  let left = sealedBytes;
  for (let number = 0; left > 0; number += 1) {
    const around = (isLast: boolean) => FIXED + 1 + lengthOfHeader(label, fieldsOf(number, isLast));
    const whole = around(false) + coded(MAX_PART_BYTES);
    if (left > around(true) + coded(MAX_PART_BYTES)) left -= whole;
    else return number * MAX_PART_BYTES + Math.max(0, Math.floor(((left - around(true)) * 3) / 4));
  }
  return 0;
}

const fieldsOf = (number: number, isLast: boolean) => ({
  ...{ [STREAM]: "x".repeat(STREAM_ID_LENGTH), [NUMBER]: number, [IS_LAST]: isLast },
});
