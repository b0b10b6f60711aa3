import { expect, it } from "vitest";
import { createRandom } from "../../../test/soak/random.ts";
import { textOf } from "./text-of.ts";

const buffer = (bytes: Uint8Array) => new Uint8Array(bytes).buffer;

it.each(["", "plain", '{"id":1}', "a€😀", "\u{feff} inside is kept, at the start not".slice(1)])(
  "%j enters as text",
  (text) => {
    expect(textOf(buffer(Buffer.from(text)))).toBe(text);
  },
);

it.each([
  ["a byte-order mark", Buffer.from("\u{feff}{}")],
  ["bytes that are not UTF-8", Buffer.from([0x7b, 0xff])],
  ["a surrogate in UTF-8", Buffer.from([0xed, 0xa0, 0x80])],
  ["a long body", Buffer.alloc(16 * 1024 + 1, "x")],
])("%s enters as bytes", (_what, bytes) => {
  expect(textOf(buffer(bytes))).toBeUndefined();
});

it("a text gives the same bytes back", () => {
  const random = createRandom(1);
  for (let run = 0; run < 2_000; run++) {
    const bytes =
      random.next() < 0.5 ? random.bytes(random.between(0, 4)) : Buffer.from(`é${random.bytes(2)}`);
    const text = textOf(buffer(bytes));
    if (text !== undefined) expect(Buffer.from(text)).toEqual(bytes);
  }
});
