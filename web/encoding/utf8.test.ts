import { describe, expect, it } from "vitest";
import { createUtf8Decode } from "./utf8.ts";

/** Every kind of character and of mistake. */
const SAMPLES = [
  [0x61, 0xc3, 0xa9, 0xe3, 0x81, 0x82, 0xf0, 0x9f, 0x98, 0x80],
  [0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, 0x61],
  [0xe0, 0x80, 0x80, 0xed, 0xa0, 0x80, 0xf0, 0x80, 0x80, 0x80, 0xf4, 0x90, 0x80, 0x80, 0xf5, 0x80],
  [0xc0, 0xaf, 0xc1, 0x80, 0xe3, 0x81, 0xf0, 0x9f, 0x98, 0x61, 0x80, 0xff, 0xc3, 0xc3, 0xa9, 0xe3],
].map((bytes) => Uint8Array.from(bytes));

describe("createUtf8Decode", () => {
  it.each(SAMPLES)("decodes in whatever pieces as a whole, as Node does (%#)", (...bytes) => {
    const sample = Uint8Array.from(bytes);
    for (const ignoreBOM of [false, true]) {
      const expected = new TextDecoder("utf-8", { ignoreBOM }).decode(sample);
      const decode = createUtf8Decode(false, ignoreBOM);
      for (let first = 0; first <= sample.length; first++)
        for (let second = first; second <= sample.length; second++) {
          const pieces = [sample.slice(0, first), sample.slice(first, second), sample.slice(second)];
          const texts = pieces.map((piece) => decode(piece, true));
          expect(texts.join("") + decode(new Uint8Array(), false)).toBe(expected);
        }
    }
  });

  it("gives out a mistake as soon as it is one", () => {
    const decode = createUtf8Decode(false, false);
    expect(decode(Uint8Array.of(0xf0, 0x80), true)).toBe("\ufffd\ufffd");
    expect(decode(Uint8Array.of(0xf0, 0x90), true)).toBe("");
  });

  it("takes the bytes of a buffer that was transferred for none", () => {
    const bytes = Uint8Array.of(0x61);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    expect(createUtf8Decode(false, false)(bytes, true)).toBe("");
  });

  it("refuses what is left open at the end, where it is told to, and begins anew", () => {
    const decode = createUtf8Decode(true, false);
    expect(decode(Uint8Array.of(0x61, 0xe3), true)).toBe("a");
    expect(() => decode(new Uint8Array(), false)).toThrow(TypeError);
    expect(decode(Uint8Array.of(0x62), false)).toBe("b");
  });
});
