import { capabilitiesOf, type FunctionConfig, secretsOf } from "../../../../contracts/index.ts";
import type { BindingPlan, EnvPlan } from "../../../../web/index.ts";

/** What a function's `env` is made of. `secrets`: the values, by the names that they have in `env`. */
export function planEnv(config: FunctionConfig, secrets: Readonly<Record<string, string>> = {}): EnvPlan {
  const plain = config.env.flatMap(({ name, value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const secret = secretsOf(config).flatMap(({ name }) => {
    const value = secrets[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const bindings = capabilitiesOf(config).map((capability): BindingPlan => {
    const { kind, name } = capability;
    if (kind === "service") return { kind, name, target: capability.service };
    return { kind, name, target: kind === "publish" ? "" : capability.bucket };
  });
  return { values: Object.fromEntries([...plain, ...secret]), bindings, timers: config.limits.timers };
}
