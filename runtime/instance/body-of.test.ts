import { expect, it } from "vitest";
import { createRandom } from "../../test/soak/random.ts";
import { bodyOf } from "./body-of.ts";

it.each(["plain", '{"id":1}', "a€😀", "é\u{feff}"])("%j is a text", (text) => {
  expect(bodyOf(Buffer.from(text))).toBe(text);
});

it.each([
  ["a byte-order mark", Buffer.from("\u{feff}{}")],
  ["bytes that are not UTF-8", Buffer.from([0x7b, 0xff])],
  ["a surrogate in UTF-8", Buffer.from([0xed, 0xa0, 0x80])],
  ["a long body", Buffer.alloc(16 * 1024 + 1, "x")],
])("%s: the body is bytes of its own", (_what, bytes) => {
  const body = bodyOf(bytes);
  expect(body).toEqual(new Uint8Array(bytes).buffer);
  expect(body).not.toBe(bytes.buffer);
});

it("an empty body is none", () => {
  expect(bodyOf(Buffer.alloc(0))).toBeUndefined();
});

it("a text gives the same bytes back", () => {
  const random = createRandom(1);
  for (let run = 0; run < 2_000; run++) {
    const bytes =
      random.next() < 0.5 ? random.bytes(random.between(1, 4)) : Buffer.from(`é${random.bytes(2)}`);
    const body = bodyOf(bytes);
    expect(Buffer.from(body as string)).toEqual(Buffer.from(bytes));
  }
});

it.each(["", "plain", "a€😀", "\u{feff}{}", "\ud800 alone", "x".repeat(16 * 1024), "€".repeat(6 * 1024)])(
  "a text is what its bytes would be (%#)",
  (text) => {
    expect(bodyOf(text)).toEqual(bodyOf(Buffer.from(text)));
  },
);
