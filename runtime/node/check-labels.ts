import { type FunctionConfig, labelsOf } from "../../contracts/index.ts";
import type { LabelKeys } from "../host.ts";

/** Refuses a function that could not seal for one of its labels here. Errors: as `NodeKeys.current`. */
export async function checkLabels(keys: LabelKeys, config: FunctionConfig): Promise<void> {
  for (const label of labelsOf(config)) await keys.current(config.name, label);
}
