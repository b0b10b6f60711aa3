import { describe, expect, it } from "vitest";
import { type Frame, formatFrame, parseFrame, peerOfToken, streamToken } from "./stream.ts";

const frames: Frame[] = [
  { kind: "data", seq: 0 },
  { kind: "text", seq: 7, hasMore: false },
  { kind: "binary", seq: 8, hasMore: true },
  { kind: "end", seq: 9, code: "" },
  { kind: "end", seq: 9, code: "1000" },
  { kind: "break", seq: 10, code: "HANDLER_THREW" },
  { kind: "credit", bytes: 262_144 },
  { kind: "cancel", code: "CLIENT_GONE" },
];

describe("a frame", () => {
  it("is read as it was written", () => {
    for (const frame of frames) expect(parseFrame(formatFrame(frame))).toEqual(frame);
  });

  it("is none where it has another form", () => {
    for (const text of [
      "",
      "data",
      "data x",
      "data -1",
      "data 1 2 3",
      "credit 1e9",
      "hello 1",
      "data 1".repeat(9),
    ])
      expect(parseFrame(text)).toBeUndefined();
  });
});

describe("a token", () => {
  it("names its peer", () => {
    expect(peerOfToken(streamToken("gateway-1", 123_456))).toBe("gateway-1");
  });

  it("is no token where it is more, or less, than two parts of a subject", () => {
    for (const text of [undefined, "", "a", "a.", ".1", "a.b.c", "a.>", "*.1", "a b.1", "a.1\n"])
      expect(peerOfToken(text)).toBeUndefined();
  });
});
