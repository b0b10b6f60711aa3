import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

/** Makes garbage, some of it long-lived, and prints the largest size of the young generation. */
const SCRIPT = `
  import { getHeapSpaceStatistics } from "node:v8";
  const { boundYoungGeneration } = await import(process.argv[1]);
  if (process.argv[2] === "bounded") boundYoungGeneration();
  const alive = [];
  let most = 0;
  for (let turn = 0; turn < 400; turn++) {
    for (let at = 0; at < 5_000; at++) alive[(turn * 5_000 + at) % 200_000] = { at, turn, text: "x" + at };
    await new Promise((resolve) => setImmediate(resolve));
    const { space_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
    most = Math.max(most, space_size);
  }
  console.log(most);
`;

async function largest(kind: "bounded" | "free"): Promise<number> {
  const file = fileURLToPath(new URL("./young-generation.ts", import.meta.url));
  const args = ["--input-type=module", "--eval", SCRIPT, file, kind];
  return Number((await promisify(execFile)(process.execPath, args)).stdout);
}

it("the young generation stays smaller than V8 would have it", async () => {
  const [bounded, free] = [await largest("bounded"), await largest("free")];
  expect(bounded).toBeLessThan(free * 0.75);
});

/** Makes garbage, some of which stays, and prints how often it was collected. */
const SHORT = `
  import { PerformanceObserver } from "node:perf_hooks";
  const { growYoungGeneration, holdYoungGeneration } = await import(process.argv[1]);
  if (process.argv[2] === "grown") growYoungGeneration();
  else holdYoungGeneration();
  let collections = 0;
  new PerformanceObserver((list) => (collections += list.getEntries().length)).observe({ entryTypes: ["gc"] });
  const alive = Array.from({ length: 100_000 }, (_, at) => ({ at, text: "x" + at }));
  await new Promise((resolve) => setTimeout(resolve, 10));
  console.log(collections, alive.length);
`;

it("a process that ends soon is hardly collected", async () => {
  const file = fileURLToPath(new URL("./young-generation.ts", import.meta.url));
  const count = async (kind: "grown" | "held") => {
    const args = ["--input-type=module", "--eval", SHORT, file, kind];
    return Number.parseInt((await promisify(execFile)(process.execPath, args)).stdout, 10);
  };
  expect(await count("grown")).toBeLessThan((await count("held")) / 2);
});
