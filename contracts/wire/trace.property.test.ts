import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../../test/soak/random.ts";
import {
  formatTraceparent,
  joinBaggage,
  joinTracestate,
  parseTraceparent,
  readTraceFields,
  withTraceparent,
} from "./trace.ts";

const ROUNDS = 20_000;
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = `00-${TRACE}-${SPAN}-01`;

function hex(random: Random, digits: number): string {
  return Array.from({ length: digits }, () => random.between(0, 15).toString(16)).join("");
}

/** A text that is nearly right, or nonsense. */
function hostile(random: Random): string {
  const pieces: readonly [string, ...string[]] = [
    PARENT,
    "00",
    "-",
    TRACE,
    SPAN,
    "ff",
    "0".repeat(32),
    "a=b",
    ",",
    "=",
    ";",
    " ",
    "\t",
    "\0",
    "\n",
    "é",
    "\u{1f600}",
    "x".repeat(300),
    "A=1;p=2",
    "%",
    '"',
    "\\",
  ];
  const length = random.pick([0, 1, 2, 3, 8, 40]);
  return Array.from({ length }, () => random.pick(pieces)).join("");
}

describe("traceparent", () => {
  it("is read as it was written", () => {
    const random = createRandom(1);
    for (let round = 0; round < ROUNDS; round += 1) {
      const context = {
        traceId: `1${hex(random, 31)}`,
        spanId: `1${hex(random, 15)}`,
        isSampled: random.pick([true, false]),
      };
      expect(parseTraceparent(formatTraceparent(context))).toEqual(context);
    }
  });

  it.each([
    [PARENT, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    [`00-${TRACE}-${SPAN}-03`, true],
    [`cc-${TRACE}-${SPAN}-01-what-later-versions-add`, true],
    [` ${PARENT}\t`, true],
  ])("takes %s", (text, isSampled) => {
    expect(parseTraceparent(text)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled });
  });

  it.each([
    undefined,
    "",
    `${PARENT}-more`,
    PARENT.toUpperCase(),
    `ff-${TRACE}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-1`,
    `cc-${TRACE}-${SPAN}-01-${"x".repeat(300)}`,
  ])("does not take %s", (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });

  it("is never made of nonsense that could not be one", () => {
    const random = createRandom(2);
    for (let round = 0; round < ROUNDS; round += 1) {
      const read = parseTraceparent(hostile(random));
      if (read !== undefined) expect(parseTraceparent(formatTraceparent(read))).toEqual(read);
    }
  });
});

describe("the fields of a trace", () => {
  it("are bounded, and fit into a line, whatever a client sends", () => {
    const random = createRandom(3);
    for (let round = 0; round < ROUNDS; round += 1) {
      const fields = Array.from({ length: random.pick([0, 1, 2, 5]) }, () => [
        random.pick(["traceparent", "Traceparent", "TRACESTATE", "baggage", "x-other"]),
        random.pick([PARENT, hostile(random), "vendor=1", "user=1;secret"]),
      ]).flat();
      const { context, state, baggage } = readTraceFields(fields);
      if (context === undefined) expect(state).toBeUndefined();
      expect(state ?? "").toMatch(/^[ -~]{0,512}$/);
      expect(baggage ?? "").toMatch(/^[ -~\t]{0,8192}$/);
    }
  });

  it("name no parent where there are two, and keep the lines of tracestate in order", () => {
    const twice = ["traceparent", PARENT, "Traceparent", PARENT];
    expect(readTraceFields(twice).context).toBeUndefined();
    const fields = ["Traceparent", PARENT, "tracestate", "b=2, a=1", "Tracestate", "c=3", "Baggage", "k=v"];
    expect(readTraceFields(fields)).toEqual({
      context: { traceId: TRACE, spanId: SPAN, isSampled: true },
      state: "b=2,a=1,c=3",
      baggage: "k=v",
    });
  });

  it("get another parent, and lose the state of a trace that they no longer belong to", () => {
    const fields = ["A", "1", "TraceParent", "old", "tracestate", "a=1", "traceparent", "older"];
    expect(withTraceparent(fields, PARENT, true)).toEqual([
      "A",
      "1",
      "tracestate",
      "a=1",
      "traceparent",
      PARENT,
    ]);
    expect(withTraceparent(fields, PARENT, false)).toEqual(["A", "1", "traceparent", PARENT]);
  });

  it("have at most 32 members of tracestate and 64 of baggage", () => {
    const members = (count: number) => Array.from({ length: count }, (_, index) => `k${index}=v`);
    expect(joinTracestate(members(32))?.split(",")).toHaveLength(32);
    expect(joinTracestate(members(33))).toBeUndefined();
    expect(joinTracestate(["a=1", "no member"])).toBeUndefined();
    expect(joinBaggage(members(100))?.split(",")).toHaveLength(64);
    expect(joinBaggage(["a=1", "no member", "b=2;meta=1"])).toBe("a=1,b=2;meta=1");
    expect(joinBaggage([`a=${"x".repeat(9_000)}`, "b=2"])).toBe("b=2");
    expect(joinBaggage(["a=1", "x".repeat(20_000)])).toBeUndefined();
  });
});
