import { describe, expect, it } from "vitest";
import { decodeBase64, encodeBase64 } from "./base64.ts";

describe("base64 where V8 has none of its own", () => {
  it.each([0, 1, 2, 3, 4, 255, 9_000])("encodes and decodes %d bytes as Node does", (length) => {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 7 + length) & 0xff);
    const text = Buffer.from(bytes).toString("base64");
    expect(encodeBase64(bytes)).toBe(text);
    expect(decodeBase64(text)).toEqual(bytes);
  });

  it.each(["YQ", " Y Q\n", "YR=="])("forgives %j", (text) => {
    expect(decodeBase64(text)).toEqual(Uint8Array.of(97));
  });

  it.each(["Y", "YQ=", "Y Q = = =", "Y_", "=", "é000"])("refuses %j", (text) => {
    expect(() => decodeBase64(text)).toThrow("not base64");
  });
});
