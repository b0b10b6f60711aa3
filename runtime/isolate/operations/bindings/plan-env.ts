import { capabilitiesOf, type FunctionConfig, secretsOf, triggersOf } from "../../../../contracts/index.ts";
import type { BindingPlan, EnvPlan } from "../../../../web/index.ts";

/** Describes a function's `env` to its isolate. `secrets`: the values, by their names in `env`. `isTrial`: nothing of it begins. */
export function planEnv(
  config: FunctionConfig,
  secrets: Readonly<Record<string, string>> = {},
  { isTrial = false }: { isTrial?: boolean } = {},
): EnvPlan {
  const plain = config.env.flatMap(({ name, value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const secret = secretsOf(config).flatMap(({ name }) => {
    const value = secrets[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const bindings: BindingPlan[] = capabilitiesOf(config);
  const journal = planJournal(config);
  return {
    values: Object.fromEntries([...plain, ...secret]),
    bindings,
    timers: config.limits.timers,
    triggers: triggersOf(config),
    service: { name: config.name, isTrial },
    ...(journal === undefined ? {} : { journal }),
    ...(config.logs === undefined ? {} : { keepsErrors: true }),
  };
}

function planJournal({ name, routes, workflow, workflowOf }: FunctionConfig): EnvPlan["journal"] {
  if (workflow === undefined) return undefined;
  return {
    workflow: workflowOf ?? name,
    isSealed: workflow.seal !== undefined,
    paths: [...new Set(routes.map(({ path }) => path.replace(/\/\*?$/, "")))],
  };
}
