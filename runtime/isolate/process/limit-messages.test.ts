import { describe, expect, it } from "vitest";
import { limitWords, unansweredWords } from "./limit-messages.ts";

const MIB = 1024 * 1024;

describe("the words for a limit", () => {
  const words = limitWords({ cpuMs: 300, memoryMb: 32 });
  const usage = {
    ranMs: 301.4,
    usedMs: 280.2,
    budgetMs: 300,
    stretchMs: 280.2,
    grownBytes: undefined,
    isStarved: false,
  };

  it("name its key, its value and what was used", () => {
    expect(words.looped(usage, "    at f (x.ts:1:1)")).toBe(
      "it ran for 301 ms without a pause, and used 280 ms of CPU time in all; limits.cpuMs is 300 ms\n    at f (x.ts:1:1)",
    );
    expect(words.starved({ ...usage, ranMs: 4_100, stretchMs: 90 }, "")).toBe(
      "it ran for 4100 ms without a pause, of which the machine gave it 90 ms of CPU time; limits.cpuMs is 300 ms",
    );
    expect(words.topLevel(312)).toBe(
      "the module's top level used 312 ms of CPU time without a pause; limits.cpuMs is 300 ms",
    );
    expect(words.notInterrupted(usage)).toBe(
      "it had run for 301 ms without a pause, and used 280 ms of CPU time in all, and could not be interrupted; limits.cpuMs is 300 ms",
    );
    expect(words.overMemory(61.4 * MIB)).toBe(
      "it used more than 32 MB (the process grew by 61 MB meanwhile); limits.memoryMb is 32 MB",
    );
    expect(words.overMemory(undefined)).toBe("it used more than 32 MB; limits.memoryMb is 32 MB");
    expect(words.wasmGrown(40 * MIB)).toBe(
      "its WebAssembly memories have grown to 40 MB; limits.memoryMb is 32 MB",
    );
  });

  it("say what bodies have added to the CPU time", () => {
    expect(words.overdrawn(912, 900)).toBe(
      "its stretches took 912 ms together; limits.cpuMs is 300 ms, and 900 ms with what its bodies add",
    );
  });

  it("take no figure from an isolate that is none", () => {
    for (const figure of [undefined, "40", Number.NaN, -1])
      expect(words.wasmGrown(figure)).toMatch(
        /^its WebAssembly memories have grown beyond what it may have; /,
      );
  });
});

describe("the words for an answer that did not come", () => {
  const request = { timeoutMs: 400, hops: 0 };

  it("say what of its time was over when the request came, or what its caller left it", () => {
    expect(unansweredWords(request, 400, 500)).toBe(
      "no answer within 400 ms (limits.timeoutMs is 500 ms, of which 100 ms were over when it came to this instance)",
    );
    expect(unansweredWords({ ...request, hops: 1 }, 400, 500)).toBe(
      "no answer within 400 ms (limits.timeoutMs is 500 ms; its caller left it 400 ms)",
    );
  });

  it("say nothing of it where all was left, or its body's time is in its deadline", () => {
    const plain = "no answer within 400 ms (limits.timeoutMs is 400 ms)";
    expect(unansweredWords(request, 400, 400)).toBe(plain);
    expect(unansweredWords({ ...request, timeoutMs: 4_000 }, 400, 400)).toBe(plain);
    expect(unansweredWords(undefined, 400, 400)).toBe(plain);
  });
});
