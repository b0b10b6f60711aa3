import { expect, test } from "vitest";
import { parseUsage, readProcessUsage } from "./process-usage.ts";

const STATUS = "Name:\tweb\nVmPeak:\t  90000 kB\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n";
const statOf = (name: string) => `4711 (${name}) S 1 2 3 0 -1 4194304 9 8 7 6 250 50 25 10 20 0 1 0 100`;

test.each(["web", "a (b) c", ") 1 2"])("reads a process whose name is %j", (name) => {
  expect(parseUsage(statOf(name), STATUS)).toEqual({
    maxRssBytes: 2_048 * 1_024,
    userSeconds: 2.75,
    systemSeconds: 0.6,
  });
});

test.each([
  ["", STATUS],
  [statOf("web"), "Name:\tkernel\n"],
])("has none of a text without the fields", (stat, status) => {
  expect(parseUsage(stat, status)).toBeUndefined();
});

test.runIf(process.platform === "linux")("reads this very process, and none that has ended", async () => {
  const usage = await readProcessUsage(process.pid);
  expect(usage?.maxRssBytes).toBeGreaterThan(10_000_000);
  expect(usage?.userSeconds).toBeGreaterThan(0);
  expect(await readProcessUsage(2 ** 22 + 1)).toBeUndefined();
});
