import { type BindingPlan, createBinding } from "./create-binding.ts";

/** The host's description of a function's `env`: values, secrets included, and bindings with an API of their own. */
export interface EnvPlan {
  values: Record<string, string>;
  bindings: readonly BindingPlan[];
  /** `limits.timers`. Default: the platform's own bound. */
  timers?: number;
  /** The handlers that the function's triggers need. Default: none. */
  triggers?: readonly string[];
}

export type Env = Readonly<Record<string, unknown>>;

/** Creates the `env` of the handlers. A binding's object is created at the first access to its property. */
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
