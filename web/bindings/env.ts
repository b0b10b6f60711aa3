import { type BindingPlan, createBinding } from "./create-binding.ts";

/** What the host says of a function's `env`: values, secrets among them, and what has an API of its own. */
export interface EnvPlan {
  values: Record<string, string>;
  bindings: readonly BindingPlan[];
  /** `limits.timers`; default: what the platform allows. */
  timers?: number;
}

export type Env = Readonly<Record<string, unknown>>;

/** The `env` that handlers are given. A binding's object is made when it is first looked at. */
export function createEnv({ values, bindings }: EnvPlan): Env {
  const env: Record<string, unknown> = values;
  for (const plan of bindings) {
    let binding: object | undefined;
    const get = () => {
      binding ??= createBinding(plan);
      return binding;
    };
    Object.defineProperty(env, plan.name, { enumerable: true, get });
  }
  return Object.freeze(env);
}
