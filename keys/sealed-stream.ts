/**
 * Streams of any length, sealed in parts: lines of text, each a JWE of its own. The authenticated header of each has the stream's
 * random id, its number, and whether it is the last one.
 *
 * I1  Parts of another stream, out of order, doubled or missing do not open: SEAL_CUT_OFF.
 * I2  A part is handed on when it is verified. A reader that stops early has a true beginning.
 */
import { NarunError, type SealPlace } from "../contracts/index.ts";
import { IS_LAST, MAX_PART_BYTES, NUMBER, STREAM } from "./part.ts";
import { digestOfPlace, PLACE } from "./place.ts";
import { describePlace, type Sealer, type TextSealer } from "./sealer.ts";

/** Upper bound of a line: a part in base64url, twice, and its header. */
const MAX_LINE = 2 * MAX_PART_BYTES + 2_048;

export async function* sealStream(
  sealer: TextSealer,
  ...[label, source, place]: Parameters<Sealer["sealStream"]>
): AsyncGenerator<Uint8Array, void> {
  const id = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url");
  let number = 0;
  const seal = async (bytes: Uint8Array, isLast: boolean) => {
    const fields = { [PLACE]: digestOfPlace(place), [STREAM]: id, [NUMBER]: number++, [IS_LAST]: isLast };
    return Buffer.from(`${await sealer.seal(label, bytes, fields)}\n`);
  };
  let held: Uint8Array | undefined;
  for await (const part of inParts(source)) {
    if (held !== undefined) yield await seal(held, false);
    held = part;
  }
  yield await seal(held ?? new Uint8Array(), true);
}

export async function* openStream(
  sealer: TextSealer,
  ...[label, source, place]: Parameters<Sealer["openStream"]>
): AsyncGenerator<Uint8Array, void> {
  let id: unknown;
  let number = 0;
  let isOver = false;
  for await (const line of linesOf(source, place)) {
    const { bytes, fields } = await sealer.open(label, line, place);
    id ??= fields[STREAM];
    const isNext = !isOver && fields[NUMBER] === number && typeof id === "string" && fields[STREAM] === id;
    if (!isNext) throw cutOff(place, number);
    number += 1;
    isOver = fields[IS_LAST] === true;
    if (bytes.byteLength > 0) yield bytes;
  }
  if (!isOver) throw cutOff(place, number);
}

function cutOff(place: SealPlace, number: number): NarunError {
  return new NarunError("SEAL_CUT_OFF", { detail: `${describePlace(place)}, at part ${number}` });
}

/** The bytes of a source in parts of equal size, the last one shorter. */
async function* inParts(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    let at = 0;
    while (size + chunk.byteLength - at >= MAX_PART_BYTES) {
      const end = at + MAX_PART_BYTES - size;
      yield Buffer.concat([...held, chunk.subarray(at, end)]);
      [held, size, at] = [[], 0, end];
    }
    if (at < chunk.byteLength) held.push(chunk.slice(at));
    size += chunk.byteLength - at;
  }
  if (size > 0) yield Buffer.concat(held);
}

async function* linesOf(source: AsyncIterable<Uint8Array>, place: SealPlace): AsyncGenerator<string, void> {
  let rest = "";
  let isEmpty = true;
  for await (const chunk of source) {
    isEmpty = false;
    const lines = (rest + Buffer.from(chunk).toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE) throw new NarunError("SEAL_MISSING", { detail: describePlace(place) });
    yield* lines;
  }
  if (isEmpty) throw new NarunError("SEAL_CUT_OFF", { detail: `${describePlace(place)}: it is empty` });
  if (rest !== "") yield rest;
}
