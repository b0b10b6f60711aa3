import { expect, it } from "vitest";
import {
  counts,
  failures,
  filesToRepeat,
  readResults,
  type TestResults,
  withRepeats,
} from "./test-results.ts";

const file = (name: string, ...statuses: string[]) => ({
  name,
  status: statuses.includes("failed") ? "failed" : "passed",
  message: "",
  assertionResults: statuses.map((status, index) => ({ status, fullName: `test ${index + 1}` })),
});
const results = (...testResults: ReturnType<typeof file>[]): TestResults => ({ testResults });

it("repeats the files that failed, and their second result counts alone", () => {
  const first = results(
    file("a.test.ts", "passed", "failed"),
    file("b.test.ts", "failed"),
    file("c.test.ts", "passed"),
  );
  expect(filesToRepeat(first)).toEqual(["a.test.ts", "b.test.ts"]);
  const merged = withRepeats(
    first,
    results(file("a.test.ts", "passed", "passed"), file("b.test.ts", "failed")),
  );
  expect(failures(merged)).toEqual(["b.test.ts: test 1"]);
  expect(counts([merged])).toBe("3 passed, 1 failed, 0 skipped");
});

it("repeats a file that runs in two ways once, and takes both of its second results", () => {
  const first = results(
    file("a.test.ts", "failed"),
    file("a.test.ts", "failed"),
    file("b.test.ts", "passed"),
  );
  expect(filesToRepeat(first)).toEqual(["a.test.ts"]);
  const merged = withRepeats(first, results(file("a.test.ts", "passed"), file("a.test.ts", "failed")));
  expect(counts([merged])).toBe("2 passed, 1 failed, 0 skipped");
});

it("repeats nothing of a broken revision", () => {
  const broken = Array.from({ length: 13 }, (_, index) => file(`${index}.test.ts`, "failed"));
  expect(filesToRepeat(results(...broken))).toEqual([]);
  expect(filesToRepeat(results(...broken.slice(1)))).toHaveLength(12);
});

it("counts a run without results, and a file that cannot be loaded, as failed", () => {
  const missing = readResults(".narun/no-such-results.json");
  expect(counts([missing])).toBe("0 passed, 1 failed, 0 skipped");
  const unloadable = { ...file("d.test.ts"), status: "failed", message: "SyntaxError: no\nstack" };
  expect(failures(results(unloadable))).toEqual(["d.test.ts: SyntaxError: no"]);
});

it("sums the counts of several runs", () => {
  const one = results(file("a.test.ts", "passed", "skipped", "todo"));
  expect(counts([one, results(file("b.test.ts", "failed"))])).toBe("1 passed, 1 failed, 2 skipped");
});
