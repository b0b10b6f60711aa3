/** Decides which failures of a run are known, and which are new. */
import { type Expectation, HARNESS_SUBTEST } from "./expectations.ts";
import type { TestResult } from "./pool.ts";

export interface Failure {
  id: string;
  subtest: string;
  status: string;
  message: string;
  /** Why the failure is expected. Undefined for a new failure. */
  reason?: string;
}

export interface Verdict {
  failures: Failure[];
  unexpected: Failure[];
  /** Expectations that matched no failure, although their tests ran. */
  unmet: string[];
}

export function decideVerdict(results: readonly TestResult[], expectations: readonly Expectation[]): Verdict {
  const met = new Set<Expectation>();
  const failures = results.flatMap((result) =>
    failuresOf(result).map((failure): Failure => {
      const known = expectations.filter(({ covers }) => covers(result.file, failure.subtest));
      for (const expectation of known) met.add(expectation);
      return known[0] === undefined ? failure : { ...failure, reason: known[0].reason };
    }),
  );
  const ran = (expectation: Expectation) =>
    results.some(
      ({ file, subtests }) =>
        expectation.covers(file, HARNESS_SUBTEST) ||
        subtests.some(({ name }) => expectation.covers(file, name)),
    );
  return {
    failures,
    unexpected: failures.filter(({ reason }) => reason === undefined),
    unmet: expectations
      .filter((expectation) => !met.has(expectation) && !expectation.isFlaky && ran(expectation))
      .map(({ label }) => label),
  };
}

function failuresOf({ id, status, message, subtests }: TestResult): Failure[] {
  const failed = subtests
    .filter((subtest) => subtest.status !== "PASS")
    .map(({ name, ...rest }) => ({ id, subtest: name, ...rest }));
  // A timeout is reported by the subtests that timed out. Without any, the test as a whole reports it.
  const isTold = status === "OK" || (status === "TIMEOUT" && failed.length > 0);
  return isTold ? failed : [{ id, subtest: HARNESS_SUBTEST, status, message }, ...failed];
}

export function formatFailures(failures: readonly Failure[]): string {
  return failures
    .map(({ id, subtest, status, message, reason }) => {
      const text = message.trimEnd().replaceAll("\n", "\n    ");
      const why = reason === undefined ? "" : `\n    expected: ${reason}`;
      return `${status} ${id}\n  ${subtest}${text === "" ? "" : `\n    ${text}`}${why}\n`;
    })
    .join("");
}
