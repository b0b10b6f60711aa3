import { describe, expect, it } from "vitest";
import { lowerLimits, parseCeiling } from "./ceiling.ts";
import { LimitsSchema } from "./function-config.ts";

const limits = LimitsSchema.parse({ memoryMb: 512, cpuMs: 100 });

describe("the ceiling of a node", () => {
  it("lowers what is above it, and says what; raises nothing", () => {
    const { limits: lower, lowered } = lowerLimits(limits, { memoryMb: 256, cpuMs: 5_000 });
    expect(lowered).toEqual(["memoryMb"]);
    expect(lower).toEqual({ ...limits, memoryMb: 256 });
  });

  it("changes nothing where there is none", () => {
    expect(lowerLimits(limits, {})).toEqual({ limits, lowered: [] });
  });

  it.each([
    ["memoryMb=256", { key: "memoryMb", value: 256 }],
    ["timers = 5", { key: "timers", value: 5 }],
    ["memoryMB=256", expect.stringContaining("did you mean memoryMb?")],
    ["maxBodyBytes=1", expect.stringContaining("no limit that a node enforces")],
    ["memoryMb=1", expect.stringContaining("memoryMb takes a number")],
    ["memoryMb=1e3", expect.stringContaining("memoryMb takes a number")],
    ["memoryMb", expect.stringContaining("memoryMb takes a number")],
  ])("%s", (text, parsed) => expect(parseCeiling(text)).toEqual(parsed));
});
