// Written by `narun types` from narun.yaml. What is changed here is lost.
import type { KvBucket } from "narun";

/** The `env` of the function counter. */
export interface Env {
  /** The KV bucket example-counts. */
  readonly COUNTS: KvBucket;
}
