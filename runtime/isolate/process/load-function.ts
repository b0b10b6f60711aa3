import type { FunctionConfig } from "../../../contracts/index.ts";
import type { StartOrder } from "../../host.ts";
import { refusalOfService, type StartFailure } from "../../instance/sandbox.ts";
import { BUNDLE_FILE } from "../../instance/source-maps.ts";
import type { Isolate } from "../engine.ts";
import type { LoadOutcome } from "../load-outcome.ts";
import { planEnv } from "../operations/bindings/plan-env.ts";

/**
 * Evaluates a function's bundle in an isolate; returns undefined when it can handle requests. `onDescribed`: it is a trial, in which
 * nothing of a service begins; it gets the service's description.
 */
export async function loadFunction(
  isolate: Isolate,
  {
    config,
    bundle,
    secrets,
    onDescribed,
  }: Pick<StartOrder, "config" | "bundle"> & {
    secrets: Readonly<Record<string, string>>;
    onDescribed?: (description: string) => void;
  },
): Promise<StartFailure | undefined> {
  const late = Promise.withResolvers<"late">();
  const { startMs } = config.limits;
  const startedAt = performance.now();
  const timer = setTimeout(() => late.resolve("late"), startMs);
  const loading = isolate.load({
    code: new TextDecoder().decode(bundle),
    fileName: BUNDLE_FILE,
    env: planEnv(config, secrets, { isTrial: onDescribed !== undefined }),
    cpuMs: Math.min(config.limits.cpuMs, startMs),
  });
  const outcome = await Promise.race([loading, late.promise]);
  clearTimeout(timer);
  if (outcome === "late") {
    return {
      code: "START_LIMIT",
      message: `the module's top level was not done after ${Math.round(performance.now() - startedAt)} ms; limits.startMs is ${startMs} ms`,
    };
  }
  if (outcome.kind === "described") onDescribed?.(outcome.description);
  if (outcome.kind === "ok" || outcome.kind === "described") return undefined;
  return describeFailure(outcome, config, isolate.cpuMs());
}

function describeFailure(
  outcome: Exclude<LoadOutcome, { kind: "ok" | "described" }>,
  { limits }: FunctionConfig,
  usedMs: number,
): StartFailure {
  switch (outcome.kind) {
    case "no-handler":
      return { code: "NO_HANDLER", message: outcome.reason };
    case "refused":
      return refusalOfService(outcome);
    case "cpu-limit":
      return {
        code: "CPU_LIMIT",
        message: `the module's top level used ${Math.round(usedMs)} ms of CPU time; limits.cpuMs is ${limits.cpuMs} ms`,
      };
    case "memory-limit":
      return {
        code: "MEMORY_LIMIT",
        message: `the module's top level used more than ${limits.memoryMb} MB; limits.memoryMb is ${limits.memoryMb} MB`,
      };
    case "disposed":
      return { code: "INSTANCE_DRAINING", message: "the host stopped meanwhile" };
    case "uncaught":
      return {
        code: "FUNCTION_START_FAILED",
        message: outcome.stack.split("\n", 1)[0] ?? "it threw",
        stack: outcome.stack,
      };
  }
}
