import { MsgHdrsImpl } from "@nats-io/transport-node/lib/nats-base-client.js";
import { describe, expect, it } from "vitest";
import { readHeaderBlock } from "./header-block.ts";

/** Numbers below `most`, the same ones for the same seed. */
function randomFrom(seed: number): (most: number) => number {
  let state = seed;
  return (most) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
}

/** The reading of the client library, whose words count. */
function readByLibrary(block: Buffer) {
  try {
    const read = MsgHdrsImpl.decode(block);
    return { status: read.code, headers: new Map(read) };
  } catch {
    return undefined;
  }
}

const PIECES = [
  ...[
    "\r\n",
    "\r\n",
    "\r\n",
    ": ",
    ":",
    "\r",
    "\n",
    " ",
    "\t",
    "A",
    "Content-Type",
    "x-y",
    "value; a=b",
    "503",
  ],
  ...["Zürich", "\u00a0", "\u2028", "🙂", "\0", "~", "No Responders"],
];

describe("a header block", () => {
  it("is read as the client library reads it, whatever its bytes are", () => {
    let unreadable = 0;
    for (let seed = 1; seed <= 20_000; seed++) {
      const random = randomFrom(seed);
      const pieces = Array.from({ length: random(24) }, () => PIECES[random(PIECES.length)] ?? "");
      const start = random(10) === 0 ? "" : "NATS/1.0";
      const block = Buffer.from(`${start}${pieces.join("")}\r\n\r\n`);
      // Bytes that are no UTF-8.
      if (random(4) === 0) block[random(block.byteLength)] = 0x80 + random(0x80);
      const expected = readByLibrary(block);
      if (expected === undefined) unreadable += 1;
      const before = ["", "HMSG a 1 2 3\r\n", "HMSG \xc3\xbc 1 2 3\r\n"][random(3)] ?? "";
      expect(readHeaderBlock(before + block.toString("latin1"), before.length)).toEqual(expected);
    }
    expect(unreadable).toBeGreaterThan(100);
    expect(unreadable).toBeLessThan(19_000);
  });

  it("has NATS' own status, and no fields", () => {
    expect(readHeaderBlock("NATS/1.0 503\r\n\r\n", 0)).toEqual({ status: 503, headers: new Map() });
  });
});
