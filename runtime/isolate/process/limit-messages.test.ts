import { describe, expect, it } from "vitest";
import { MIB } from "../../../contracts/index.ts";
import { limitMessages } from "./limit-messages.ts";

describe("the message of a limit", () => {
  const messages = limitMessages({ cpuMs: 300, memoryMb: 32 });
  const usage = {
    ranMs: 301.4,
    usedMs: 280.2,
    budgetMs: 300,
    stretchMs: 280.2,
    grownBytes: undefined,
    isStarved: false,
  };

  it("names its key, its value and what was used", () => {
    expect(messages.looped(usage, "    at f (x.ts:1:1)")).toBe(
      "it ran for 301 ms without a pause, and used 280 ms of CPU time in all; limits.cpuMs is 300 ms\n    at f (x.ts:1:1)",
    );
    expect(messages.starved({ ...usage, ranMs: 4_100, stretchMs: 90 }, "")).toBe(
      "it ran for 4100 ms without a pause, of which the machine gave it 90 ms of CPU time; limits.cpuMs is 300 ms",
    );
    expect(messages.topLevel(312)).toBe(
      "the module's top level used 312 ms of CPU time without a pause; limits.cpuMs is 300 ms",
    );
    expect(messages.notInterrupted(usage)).toBe(
      "it had run for 301 ms without a pause, and used 280 ms of CPU time in all, and could not be interrupted; limits.cpuMs is 300 ms",
    );
    expect(messages.overMemory(61.4 * MIB)).toBe(
      "it used more than 32 MB (the process grew by 61 MB meanwhile); limits.memoryMb is 32 MB",
    );
    expect(messages.overMemory(undefined)).toBe("it used more than 32 MB; limits.memoryMb is 32 MB");
    expect(messages.wasmGrown(40 * MIB)).toBe(
      "its WebAssembly memories have grown to 40 MB; limits.memoryMb is 32 MB",
    );
  });

  it("names the CPU time that bodies have added", () => {
    expect(messages.overdrawn(912, 900)).toBe(
      "its stretches took 912 ms together; limits.cpuMs is 300 ms, and 900 ms with the time that its bodies add",
    );
  });

  it("shows no figure of an isolate that is not a number", () => {
    for (const figure of [undefined, "40", Number.NaN, -1])
      expect(messages.wasmGrown(figure)).toMatch(/^its WebAssembly memories have grown beyond its limit; /);
  });
});
