import { describe, expect, it } from "vitest";
import { nodeBoundsArguments, resolveNodeBounds } from "./node-bounds.ts";

describe("what bounds a node", () => {
  it("is nothing but the sandbox where nothing is said", () => {
    expect(resolveNodeBounds({ ceiling: [] }, {})).toEqual({ ceiling: {}, sandbox: "auto" });
  });

  it("comes from options before the environment", () => {
    const environment = { NARUN_CEILING: "memoryMb=64, cpuMs=10", NARUN_SANDBOX: "none" };
    expect(resolveNodeBounds({ ceiling: [] }, environment)).toEqual({
      ceiling: { memoryMb: 64, cpuMs: 10 },
      sandbox: "none",
    });
    const flags = { ceiling: ["timers=5"], sandbox: "bubblewrap", hostMemoryMb: "512" };
    expect(resolveNodeBounds(flags, environment)).toEqual({
      ceiling: { timers: 5 },
      sandbox: "bubblewrap",
      hostMemoryMb: 512,
    });
    expect(nodeBoundsArguments(flags)).toEqual(
      "--ceiling timers=5 --sandbox bubblewrap --host-memory-mb 512".split(" "),
    );
  });

  it.each([
    [{ ceiling: ["memory=1"] }, {}, /--ceiling: "memory" is no limit that a node enforces/],
    [{ ceiling: [] }, { NARUN_CEILING: "cpuMs=fast" }, /NARUN_CEILING: cpuMs takes a number/],
    [{ ceiling: [] }, { NARUN_SANDBOX: "docker" }, /NARUN_SANDBOX takes auto, bubblewrap, none/],
    [{ ceiling: [], hostMemoryMb: "1g" }, {}, /--host-memory-mb takes a number/],
  ])("%j with %j is refused", (flags, environment, message) => {
    expect(() => resolveNodeBounds(flags, environment)).toThrow(message);
  });
});
