import { describe, expect, it } from "vitest";
import { nodeBounds } from "./node.ts";
import { type Environment, type Flags, flagArguments, resolveOptions, valuesOf } from "./resolve.ts";

const valuesFor = async (flags: Flags, environment: Environment) =>
  valuesOf(await resolveOptions(nodeBounds, flags, environment));

describe("the bounds of a node", () => {
  it("are the sandbox alone by default", async () => {
    expect(await valuesFor({}, {})).toEqual({ ceiling: {}, sandbox: "auto", hostMemoryMb: undefined });
  });

  it("come from flags before the environment", async () => {
    const environment = { NARUN_CEILING: "memoryMb=64, cpuMs=10", NARUN_SANDBOX: "none" };
    expect(await valuesFor({}, environment)).toMatchObject({
      ceiling: { memoryMb: 64, cpuMs: 10 },
      sandbox: "none",
    });
    const flags = { ceiling: ["timers=5"], sandbox: ["bubblewrap"], hostMemoryMb: ["512"] };
    expect(await valuesFor(flags, environment)).toEqual({
      ceiling: { timers: 5 },
      sandbox: "bubblewrap",
      hostMemoryMb: 512,
    });
    const settings = await resolveOptions(nodeBounds, flags, environment);
    expect(flagArguments(nodeBounds, settings)).toEqual(
      "--ceiling timers=5 --sandbox bubblewrap --host-memory-mb 512".split(" "),
    );
  });

  it.each([
    [{ ceiling: ["memory=1"] }, {}, /--ceiling: "memory" is no limit that a node enforces/],
    [{}, { NARUN_CEILING: "cpuMs=fast" }, /NARUN_CEILING: cpuMs takes a number/],
    [{}, { NARUN_SANDBOX: "docker" }, /NARUN_SANDBOX takes auto, bubblewrap, none/],
    [{ hostMemoryMb: ["1g"] }, {}, /--host-memory-mb takes a number/],
  ])("%j with %j is refused", async (flags, environment, message) => {
    await expect(resolveOptions(nodeBounds, flags, environment)).rejects.toThrow(message);
  });
});
