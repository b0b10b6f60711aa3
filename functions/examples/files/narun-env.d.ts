// Written by `narun types` from narun.yaml. Changes to this file are lost.
import type { ObjectBucket } from "narun";

/** The `env` of the function files. */
export interface Env {
  /** The object store example-files. */
  readonly FILES: ObjectBucket;
}
