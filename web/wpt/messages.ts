/** The messages between the runner and its worker processes. */
import type { WptTest } from "./find-tests.ts";
import type { Site } from "./resources.ts";

/** The results of a subtest, with the words and in the order of testharness.js. */
export const SUBTEST_STATUS = ["PASS", "FAIL", "TIMEOUT", "NOTRUN", "PRECONDITION_FAILED"] as const;
export type SubtestStatus = (typeof SUBTEST_STATUS)[number];

export interface Subtest {
  name: string;
  status: SubtestStatus;
  message: string;
}

/** The result of a whole test. `CRASH`: its process ended. */
export type HarnessStatus = "OK" | "ERROR" | "TIMEOUT" | "PRECONDITION_FAILED" | "CRASH";
export const HARNESS_STATUS: readonly HarnessStatus[] = ["OK", "ERROR", "TIMEOUT", "PRECONDITION_FAILED"];

export interface Job extends Site {
  test: WptTest;
  wallMs: number;
}

export type FromWorker =
  | { type: "ready" }
  | { type: "subtests"; subtests: Subtest[] }
  | { type: "done"; status: HarnessStatus; message: string };
