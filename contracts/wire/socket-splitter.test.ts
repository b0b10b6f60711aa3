import { expect, it } from "vitest";
import { FrameBatch } from "./socket-batch.ts";
import { readStreamFrame } from "./socket-frames.ts";
import { FrameSplitter } from "./socket-splitter.ts";

const PAYLOAD_BYTES = 60_000;

/** A splitter whose payloads are held. `read(n)` brings a payload whose bytes are all `n`. */
function openHolding() {
  const shown: { bytes: Buffer; letGo: (() => void) | undefined }[] = [];
  const splitter: FrameSplitter = new FrameSplitter((_type, _number, buffer, start, end) => {
    const { payloadStart } = readStreamFrame(buffer, start, end) ?? { payloadStart: end };
    shown.push({ bytes: buffer.subarray(payloadStart, end), letGo: splitter.lease.hold() });
    return true;
  });
  const read = (fill: number) => {
    const batch = new FrameBatch();
    batch.stream(1, `data ${fill}`, "", Buffer.alloc(PAYLOAD_BYTES, fill));
    for (const piece of batch.take()) expect(splitter.push(piece)).toBe(true);
  };
  return { read, shown };
}

const memoriesOf = (shown: { bytes: Buffer }[]) => new Set(shown.map(({ bytes }) => bytes.buffer));

it("memory that is held is not filled again", () => {
  const { read, shown } = openHolding();
  for (let fill = 0; fill < 40; fill++) read(fill);
  expect(shown).toHaveLength(40);
  for (const [fill, { bytes }] of shown.entries())
    expect(bytes.equals(Buffer.alloc(PAYLOAD_BYTES, fill))).toBe(true);
});

it("memory is filled again when its holders have let go", () => {
  const { read, shown } = openHolding();
  for (let fill = 0; fill < 200; fill++) {
    read(fill);
    const earlier = shown[fill - 10];
    earlier?.letGo?.();
    earlier?.letGo?.();
  }
  expect(memoriesOf(shown).size).toBeLessThan(8);
  for (let fill = 190; fill < 200; fill++)
    expect(shown[fill]?.bytes.equals(Buffer.alloc(PAYLOAD_BYTES, fill))).toBe(true);
});

it("more than a bound is not held: its receiver copies", () => {
  const { read, shown } = openHolding();
  for (let fill = 0; fill < 200; fill++) read(fill);
  const held = shown.filter(({ letGo }) => letGo !== undefined);
  expect(shown.at(-1)?.letGo).toBeUndefined();
  expect(memoriesOf(held).size).toBe(16);
  for (const { letGo } of held) letGo?.();
  read(200);
  read(201);
  expect(shown.at(-1)?.letGo).toBeDefined();
});
