/** Begins to run workflows when the first function is one. */
import { type FunctionSpec, messageOf } from "../contracts/index.ts";
import type { TriggerMetric } from "../triggers/index.ts";
import { startWorkflows, type Workflows, type WorkflowsOptions } from "./workflows.ts";

export interface FollowedWorkflows {
  onSpec(name: string, spec: FunctionSpec | undefined): void;
  metrics(): TriggerMetric[];
  drain(options: { graceMs: number }): Promise<void>;
}

const RETRY_MS = 1_000;

export function followWorkflows(options: WorkflowsOptions): FollowedWorkflows {
  let started: Promise<Workflows | undefined> | undefined;
  let workflows: Workflows | undefined;
  let isOver = false;
  /** The functions that are workflows. */
  const known = new Set<string>();
  const start = async (): Promise<Workflows | undefined> => {
    while (!isOver) {
      try {
        workflows = await startWorkflows(options);
        return workflows;
      } catch (error) {
        options.log.error({ error: messageOf(error) }, "workflows cannot be run");
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
    return undefined;
  };
  return {
    onSpec(name, spec) {
      if (spec?.workflow === undefined) known.delete(name);
      else if (!isOver && !known.has(name)) {
        known.add(name);
        started ??= start();
        void started.then((running) => running?.onFunction(name));
      }
    },
    metrics: () => workflows?.metrics() ?? [],
    async drain(grace) {
      isOver = true;
      await (await started)?.drain(grace);
    },
  };
}
