import { type FunctionSpec, labelsOf } from "../../contracts/index.ts";
import type { LabelKeys } from "../host.ts";

type SealingFunction = Pick<
  FunctionSpec,
  "name" | "bindings" | "labels" | "logs" | "workflow" | "workflowOf" | "interface"
>;

/** Refuses a function that could not seal for one of its labels here. Errors: as `NodeKeys.current`. */
export async function checkLabels(keys: LabelKeys, config: SealingFunction): Promise<void> {
  for (const label of labelsOf(config)) await keys.current(config.workflowOf ?? config.name, label);
}
