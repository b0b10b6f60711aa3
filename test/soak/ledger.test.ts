import { describe, expect, it } from "vitest";
import { decideVerdict, type Exchange, FAULT_REACH_MS, type Outcome } from "./ledger.ts";

const kill = { what: "host", atMs: 1_000 } as const;
const lost: Outcome = { kind: "failed", status: 502, code: "CONSUMER_DIED", began: false };

function exchange(over: Partial<Exchange>): Exchange {
  return {
    what: "POST /once",
    id: "a",
    isIdempotent: false,
    sentAt: 900,
    endedAt: 1_100,
    outcome: lost,
    ...over,
  };
}

const verdictOf = (...exchanges: Exchange[]) => decideVerdict(exchanges, [kill], new Map());

describe("decideVerdict", () => {
  it("takes a POST that was under way at a kill for unavoidable", () => {
    expect(verdictOf(exchange({}))).toMatchObject({ unavoidable: 1, avoidable: [] });
  });

  it("takes the same of a GET for avoidable, unless its answer had begun", () => {
    expect(verdictOf(exchange({ isIdempotent: true })).avoidable).toHaveLength(1);
    const begun = exchange({ isIdempotent: true, outcome: { ...lost, began: true } });
    expect(verdictOf(begun)).toMatchObject({ unavoidable: 1, avoidable: [] });
  });

  it("takes a failure before a kill, or long after it, for avoidable", () => {
    expect(verdictOf(exchange({ sentAt: 100, endedAt: 999 })).avoidable).toHaveLength(1);
    const later = kill.atMs + FAULT_REACH_MS + 1;
    expect(verdictOf(exchange({ sentAt: later, endedAt: later + 50 })).avoidable).toHaveLength(1);
  });

  it("tells of a POST that began twice, and lets a GET begin again", () => {
    const post = exchange({ id: "post", outcome: { kind: "right" } });
    const get = exchange({ id: "get", isIdempotent: true, outcome: { kind: "right" } });
    const begun = new Map([
      ["post", 2],
      ["get", 2],
    ]);
    expect(decideVerdict([post, get], [], begun)).toMatchObject({ right: 2, twice: ["post"] });
  });

  it("counts wrong bodies and hangs apart", () => {
    const wrong = exchange({ outcome: { kind: "wrong", why: "other bytes" } });
    const hung = exchange({ outcome: { kind: "hung" } });
    expect(verdictOf(wrong, hung)).toMatchObject({ wrong: [wrong], hung: [hung], avoidable: [] });
  });
});
