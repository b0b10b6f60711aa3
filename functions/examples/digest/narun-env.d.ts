// Written by `narun types` from narun.yaml. Changes to this file are lost.
import type { KvBucket } from "narun";

/** The `env` of the function digest. */
export interface Env {
  /** The KV bucket example-digests. */
  readonly DIGESTS: KvBucket;
}
