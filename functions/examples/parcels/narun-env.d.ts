// Written by `narun types` from narun.yaml. Changes to this file are lost.
import type { KvBucket } from "narun";

/** The `env` of the function parcels. */
export interface Env {
  /** The KV bucket parcels. */
  readonly SENT: KvBucket;
}
