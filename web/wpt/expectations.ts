/** The known and explained failures: web/wpt/expectations.yaml. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { parseYaml } from "../../contracts/index.ts";

const ExpectationSchema = z.strictObject({
  /** A test's path, a folder with a slash at its end, or either with `*` in it. */
  test: z.string(),
  /** A subtest's name, or a pattern between slashes. Default: any failure of the test. */
  subtest: z.union([z.string(), z.array(z.string())]).optional(),
  /** The reason of the failure, and why it is accepted. */
  reason: z.string().min(10),
  /** The test passes in some runs. */
  flaky: z.boolean().default(false),
});

const FileSchema = z.strictObject({ expected: z.array(ExpectationSchema) });

export interface Expectation {
  reason: string;
  isFlaky: boolean;
  isMet: boolean;
  covers(file: string, subtest: string): boolean;
  /** The name of the expectation in reports. */
  label: string;
}

/** The name under which the end of a whole test is listed among its subtests. */
export const HARNESS_SUBTEST = "(the test as a whole)";

export const EXPECTATIONS = fileURLToPath(new URL("./expectations.yaml", import.meta.url));

export function readExpectations(file = EXPECTATIONS): Expectation[] {
  const parsed = parseYaml(readFileSync(file, "utf8"), FileSchema);
  if (!parsed.ok) throw new Error(`${file}: ${JSON.stringify(parsed)}`);
  return parsed.value.expected.map(({ test, subtest, reason, flaky }) => {
    const isTest = matcher(test, true);
    const names = subtest === undefined ? undefined : [subtest].flat().map((name) => matcher(name, false));
    return {
      reason,
      isFlaky: flaky,
      isMet: false,
      covers: (path, name) => isTest(path) && (names?.some((matches) => matches(name)) ?? true),
      label: `${test}${subtest === undefined ? "" : `: ${[subtest].flat().join(", ")}`}`,
    };
  });
}

function matcher(text: string, isPath: boolean): (value: string) => boolean {
  if (!isPath && /^\/.*\/$/s.test(text)) {
    const pattern = new RegExp(text.slice(1, -1), "s");
    return (value) => pattern.test(value);
  }
  if (!isPath) return (value) => value === text;
  const escaped = text.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  const pattern = new RegExp(`^${escaped}${text.endsWith("/") ? ".*" : "$"}`);
  return (value) => pattern.test(value);
}
