import { expect, it } from "vitest";
import { formatClientFrame, Opcode } from "./client-frame.ts";

it.each([
  [0, [0]],
  [125, [125]],
  [126, [126, 0, 126]],
  [65_535, [126, 255, 255]],
  [65_536, [127, 0, 0, 0, 0, 0, 1, 0, 0]],
])("a frame of %i bytes has the shortest form of its length", (size, length) => {
  const payload = Buffer.alloc(size, 7);
  const head = [0x82, ...length];
  expect(formatClientFrame(Opcode.binary, payload, true).equals(Buffer.from([...head, ...payload]))).toBe(
    true,
  );
});

it("only the last fragment of a message ends it", () => {
  const bytes = Buffer.from("a");
  expect([...formatClientFrame(Opcode.text, bytes, false)]).toEqual([0x01, 1, 97]);
  expect([...formatClientFrame(Opcode.continuation, bytes, true)]).toEqual([0x80, 1, 97]);
});
