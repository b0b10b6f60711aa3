/** A part of the bench: its rows, and how they are measured. */
import type { Bench } from "./bench.ts";
import type { Row, Size } from "./row.ts";

/** Parts of the machine that a section needs. */
export type Need = "Linux" | "wrk";

export interface Section {
  /** Every row of the section. The names of some have sizes in them. */
  rows(size: Size): Readonly<Record<string, Row>>;
  measure(bench: Bench): Promise<void>;
  needs: readonly Need[];
  /** It has no targets, or a few short rounds cannot judge them. `--quick` measures it only by its name. */
  isUnguarded?: boolean;
}
