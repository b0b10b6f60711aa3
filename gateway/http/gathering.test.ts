import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createGathering } from "./gathering.ts";

// The pace is measured by the clock: here it stands still until it is told.
beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

const limits = { maxRequestsPerService: 8, maxBytesPerService: 1_000, maxRequests: 16, maxBytes: 1_500 };

function gather() {
  const gathering = createGathering(limits);
  const refused: string[] = [];
  const join = (service: string, name: string) =>
    gathering.join(service, (code) => void refused.push(`${name} ${code}`));
  return { join, refused };
}
const names = (count: number, prefix = "") => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

describe("bodies that are gathered", () => {
  it("give way, the slowest first, where there are too many for their service", () => {
    const { join, refused } = gather();
    const bodies = names(8).map((name) => join("fn", name));
    vi.advanceTimersByTime(1_000);
    // All but one have come at their pace.
    for (const [index, body] of bodies.entries()) if (index !== 3) body.add(100);
    vi.advanceTimersByTime(500);
    join("fn", "new");
    expect(refused).toEqual(["3 BODY_TOO_SLOW"]);
  });

  it("refuse another where none of them is slow", () => {
    const { join, refused } = gather();
    for (const name of names(8)) join("fn", name);
    join("fn", "new");
    join("other", "elsewhere");
    expect(refused).toEqual(["new HOLD_QUEUE_FULL"]);
  });

  it("keep to the bytes of their service", () => {
    const { join, refused } = gather();
    const slow = join("fn", "slow");
    slow.add(600);
    vi.advanceTimersByTime(5_000);
    join("fn", "fast").add(600);
    expect(refused).toEqual(["slow BODY_TOO_SLOW"]);
    join("fn", "next").add(600);
    expect(refused).toEqual(["slow BODY_TOO_SLOW", "next HOLD_QUEUE_FULL"]);
  });

  it("keep to number and bytes of all services together", () => {
    const { join, refused } = gather();
    for (const name of names(8, "a")) join("a", name);
    for (const name of names(8, "b")) join("b", name);
    join("c", "one too many");
    expect(refused).toEqual(["one too many HOLD_QUEUE_FULL"]);
    const bytes = gather();
    for (const service of ["a", "b"]) bytes.join(service, service).add(700);
    bytes.join("c", "too much").add(200);
    expect(bytes.refused).toEqual(["too much HOLD_QUEUE_FULL"]);
  });

  it("leave room when they leave, once, and count no more", () => {
    const { join, refused } = gather();
    for (let turn = 0; turn < 50; turn++) {
      const body = join("fn", "again");
      body.add(900);
      body.leave();
      body.leave();
      body.add(900);
    }
    for (const name of names(8)) join("fn", name);
    expect(refused).toEqual([]);
  });
});
