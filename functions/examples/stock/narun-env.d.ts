// Written by `narun types` from narun.yaml. Changes to this file are lost.
import type { KvBucket } from "narun";

/** The `env` of the function stock. */
export interface Env {
  /** The KV bucket stock. */
  readonly STOCK: KvBucket;
}
