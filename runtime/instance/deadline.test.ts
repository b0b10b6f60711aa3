import { describe, expect, it } from "vitest";
import { decideDeadline, unansweredMessage } from "./deadline.ts";

describe("the deadline of a request", () => {
  const limits = { timeoutMs: 1_000, streamMs: 5_000 };

  it.each([
    ["answer", { takenAtMs: 100, timeoutMs: 400 }, 100, 400],
    ["answer", { takenAtMs: 100, timeoutMs: 6_000 }, 100, 1_000],
    ["answer", { takenAtMs: 100, timeoutMs: 0 }, 100, 0],
    ["request body", { takenAtMs: 100, timeoutMs: 6_000 }, 100, 5_000],
    ["request body", { takenAtMs: 100, timeoutMs: 6_000 }, 2_100, 3_000],
    ["request body", { takenAtMs: 100, timeoutMs: 6_000 }, 6_100, -1_000],
    ["answer to body", { takenAtMs: 100, timeoutMs: 6_000 }, 4_000, 1_000],
    ["end of answer", { takenAtMs: 100, timeoutMs: 400 }, 300, 5_000],
  ] as const)("awaiting %s, of %o, at %d ms: in %d ms", (awaited, request, nowMs, waitMs) => {
    expect(decideDeadline(awaited, request, limits, nowMs)).toBe(waitMs);
  });
});

describe("the message of an answer that did not come", () => {
  const request = { timeoutMs: 400, hops: 0 };

  it("names the time that was over when the request came, or that its caller left it", () => {
    expect(unansweredMessage(request, 400, 500)).toBe(
      "no answer within 400 ms (limits.timeoutMs is 500 ms, of which 100 ms were over when it came to this instance)",
    );
    expect(unansweredMessage({ ...request, hops: 1 }, 400, 500)).toBe(
      "no answer within 400 ms (limits.timeoutMs is 500 ms; its caller left it 400 ms)",
    );
  });

  it("names neither where all of the time was left, or the time of a body is part of the deadline", () => {
    const plain = "no answer within 400 ms (limits.timeoutMs is 400 ms)";
    expect(unansweredMessage(request, 400, 400)).toBe(plain);
    expect(unansweredMessage({ ...request, timeoutMs: 4_000 }, 400, 400)).toBe(plain);
  });
});
