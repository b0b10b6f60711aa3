import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

async function run(script: string): Promise<Record<string, unknown>> {
  const file = fileURLToPath(new URL("./release-memory.ts", import.meta.url));
  const args = ["--input-type=module", "--eval", script, file];
  return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout);
}

it("the memory of a burst of work is given back", async () => {
  const { before, after, isHidden } = await run(`
    const { releaseMemory } = await import(process.argv[1]);
    let texts = Array.from({ length: 300_000 }, (_, at) => ({ at, text: "x" + at }));
    texts = texts.filter(({ at }) => at % 100 === 0);
    const before = process.memoryUsage().heapTotal;
    releaseMemory();
    console.log(JSON.stringify({ before, after: process.memoryUsage().heapTotal, isHidden: typeof gc === "undefined" }));
  `);
  expect(after).toBeLessThan(Number(before) * 0.75);
  expect(isHidden).toBe(true);
});

describe("the code of a start", () => {
  const callMany = (options: string) =>
    run(`
      import { getHeapCodeStatistics } from "node:v8";
      const { releaseMemory } = await import(process.argv[1]);
      const made = Array.from({ length: 1_000 }, (_, at) => new Function("a", "return a + " + at + "; // " + "x".repeat(at)));
      const sum = () => made.reduce((total, one) => total + one(1), 0);
      const size = () => {
        const { bytecode_and_metadata_size, code_and_metadata_size } = getHeapCodeStatistics();
        return bytecode_and_metadata_size + code_and_metadata_size;
      };
      for (let turn = 0; turn < 1_000; turn += 1) sum();
      const before = size();
      releaseMemory(${options});
      console.log(JSON.stringify({ part: size() / before, sum: sum() }));
    `);

  it("is given back, and is made again when it is called", async () => {
    const { part, sum } = await callMany("");
    expect(part).toBeLessThan(0.85);
    expect(sum).toBe(500_500);
  });

  it("stays where that is asked for", async () => {
    const { part } = await callMany("{ keepsCode: true }");
    expect(part).toBeGreaterThan(0.9);
  });
});
