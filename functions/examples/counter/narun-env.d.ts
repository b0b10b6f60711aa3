// Written by `narun types` from narun.yaml. Changes to this file are lost.
import type { KvBucket } from "narun";

/** The `env` of the function counter. */
export interface Env {
  /** The KV bucket example-counts. */
  readonly COUNTS: KvBucket;
}
