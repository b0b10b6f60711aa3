import { expect, it } from "vitest";
import { EnterOp } from "../../../platform/boundary.ts";
import { createIsolateStreams } from "./isolate-streams.ts";

function setUp() {
  const entered: [number, number][] = [];
  const violations: string[] = [];
  const streams = createIsolateStreams({
    enter: (_owner, op, id) => void entered.push([op, id]),
    onViolation: (what) => violations.push(what),
  });
  return { streams, entered, violations };
}

it("an isolate that grants more than a window is found out, whatever it takes for a number", () => {
  const { streams, violations } = setUp();
  let granted = 0;
  const inbound = streams.openInbound(1, {
    onCredit: (bytes) => {
      granted += bytes;
    },
    onCancel: () => undefined,
  });
  for (const bytes of [-1, 0, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "9", {}, 1e300])
    streams.credit(inbound.id, bytes);
  expect([granted, violations]).toEqual([0, []]);
  for (let n = 0; n < 100; n++) {
    streams.credit(inbound.id, 262_144);
    inbound.push(new ArrayBuffer(262_144));
  }
  expect(violations).toEqual([]);
  streams.credit(inbound.id, 2 ** 40);
  expect(violations).toHaveLength(1);
  expect(granted).toBe(100 * 262_144);
});

it("chunks without bytes go nowhere", () => {
  const { streams, violations } = setUp();
  const chunks: number[] = [];
  const outbound = streams.openOutbound(7, 1, {
    onChunk: (bytes) => chunks.push(bytes.byteLength),
    onEnd: () => undefined,
  });
  outbound?.grant(3);
  for (let n = 0; n < 1_000; n++) streams.chunk(7, n % 2 === 0 ? "" : new ArrayBuffer(0));
  streams.chunk(7, "abc");
  expect([chunks, violations]).toEqual([[3], []]);
});

it("a stream that was told of and never opened is cancelled, one that is open is not", () => {
  const { streams, entered } = setUp();
  streams.openOutbound(1, 1, { onChunk: () => undefined, onEnd: () => undefined });
  for (const id of [1, 2, "3", undefined]) streams.discard(id, 1);
  expect(entered).toEqual([[EnterOp.cancel, 2]]);
});
