import { describe, expect, it } from "vitest";
import { backoffMs, decideEnd } from "./decide-end.ts";

const policy = { maxDeliver: 3, minMs: 1_000, maxMs: 60_000 };
const retry = (delaySeconds?: number) => ({ kind: "retry", delaySeconds }) as const;

describe("the end of a delivery", () => {
  it.each([
    [{ kind: "ack" } as const, 1, { kind: "ack" }],
    [{ kind: "ack" } as const, 9, { kind: "ack" }],
    [retry(), 1, { kind: "retry", delayMs: 1_000 }],
    [retry(), 2, { kind: "retry", delayMs: 2_000 }],
    [retry(30), 1, { kind: "retry", delayMs: 30_000 }],
    [retry(0), 1, { kind: "retry", delayMs: 0 }],
    [retry(), 3, { kind: "dead" }],
    [retry(30), 3, { kind: "dead" }],
    [retry(), 7, { kind: "dead" }],
  ])("%j after delivery %i is %j", (verdict, deliveries, end) => {
    expect(decideEnd(verdict, deliveries, policy, 1)).toEqual(end);
  });
});

describe("the wait before the next delivery", () => {
  it("doubles up to its bound", () => {
    const waits = [1, 2, 3, 6, 7, 1_000].map((failures) => backoffMs(failures, policy, 1));
    expect(waits).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000]);
  });

  it("is random by a half", () => {
    expect(backoffMs(1, policy, 0)).toBe(500);
    expect(backoffMs(1, policy, 0.5)).toBe(750);
  });
});
