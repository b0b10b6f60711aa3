// Written by `narun types` from narun.yaml. Changes to this file are lost.
import type { KvBucket } from "narun";

/** The `env` of the function notes. */
export interface Env {
  /** The KV bucket example-notes. */
  readonly NOTES: KvBucket;
}
