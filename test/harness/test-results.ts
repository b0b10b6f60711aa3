import { readFileSync } from "node:fs";
import { relative } from "node:path";

/** The parts of vitest's JSON report (its `json` reporter, jest's format) that are read here. */
export interface TestResults {
  readonly testResults: readonly FileResult[];
}

interface FileResult {
  readonly name: string;
  readonly status: string;
  /** Why a file failed that has no failed test, for instance since it cannot be loaded. */
  readonly message: string;
  readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
}

/** More failed files than this are no accident: the revision is broken, and a second run would tell nothing. */
const MOST_REPEATED = 12;

/** The files of `first` to run again by themselves, relative to the working folder: at most 12, or none. */
export function filesToRepeat({ testResults }: TestResults): string[] {
  const failed = testResults.filter(({ status }) => status === "failed");
  const files = new Set(failed.map(({ name }) => relative(".", name)));
  return files.size > MOST_REPEATED ? [] : [...files];
}

/** `first`, where the files that ran again have their second results: several, where a file runs in several ways. */
export function withRepeats(first: TestResults, second: TestResults): TestResults {
  const repeated = new Set(second.testResults.map(({ name }) => name));
  const kept = first.testResults.filter(({ name }) => !repeated.has(name));
  return { testResults: [...kept, ...second.testResults] };
}

/** The failed tests, each as `FILE: TEST`. A file that failed without a failed test counts as one. */
export function failures({ testResults }: TestResults): string[] {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === "failed");
    const told = failed.map(({ fullName }) => `${relative(".", name)}: ${fullName}`);
    return status === "failed" && told.length === 0
      ? [`${relative(".", name)}: ${message.split("\n")[0]}`]
      : told;
  });
}

/** The counts of all tests: `N passed, N failed, N skipped`. */
export function counts(all: readonly TestResults[]): string {
  const tests = all.flatMap(({ testResults }) => testResults.flatMap((file) => file.assertionResults));
  const count = (...wanted: string[]) => tests.filter(({ status }) => wanted.includes(status)).length;
  const failed = all.flatMap(failures).length;
  return `${count("passed")} passed, ${failed} failed, ${count("skipped", "pending", "todo")} skipped`;
}

/** A report of vitest; one failed file if there is none, as a run that ended early writes none. */
export function readResults(file: string): TestResults {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return {
      testResults: [
        { name: file, status: "failed", message: "no results of this run", assertionResults: [] },
      ],
    };
  }
}
