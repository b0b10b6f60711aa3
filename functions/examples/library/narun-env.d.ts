// Written by `narun types` from narun.yaml. Changes to this file are lost.
import type { KvBucket } from "narun";

/** The `env` of the function library. */
export interface Env {
  /** The KV bucket example-books. */
  readonly BOOKS: KvBucket;
}
