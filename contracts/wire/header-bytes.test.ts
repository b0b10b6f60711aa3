import { describe, expect, it } from "vitest";
import { fromWireValue, toWireValue } from "./header-bytes.ts";

const latin1 = (...bytes: number[]) => Buffer.from(bytes).toString("latin1");

describe("header bytes", () => {
  it("leaves ASCII as it is", () => {
    expect(toWireValue("text/plain; charset=utf-8")).toEqual({
      value: "text/plain; charset=utf-8",
      isLatin1: false,
    });
  });

  it("sends bytes that are UTF-8 as the text they mean", () => {
    expect(toWireValue(Buffer.from("Zürich 東京 🙂").toString("latin1"))).toEqual({
      value: "Zürich 東京 🙂",
      isLatin1: false,
    });
  });

  it("sends bytes that are no UTF-8 as their ISO-8859-1 reading, and says so", () => {
    expect(toWireValue(latin1(0x5a, 0xfc))).toEqual({ value: "Zü", isLatin1: true });
  });

  it("brings every pair of bytes back unchanged", () => {
    for (let first = 0x20; first < 0x100; first++) {
      for (let second = 0x20; second < 0x100; second++) {
        const value = latin1(first, second);
        const wire = toWireValue(value);
        if (fromWireValue(wire.value, wire.isLatin1) !== value) expect.fail(`${first} ${second}`);
      }
    }
  });

  it("reads text beyond ISO-8859-1 as UTF-8 even where it is listed as ISO-8859-1", () => {
    expect(fromWireValue("東", true)).toBe(Buffer.from("東").toString("latin1"));
  });
});
