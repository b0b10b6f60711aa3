import {
  type BindingPlan,
  createBinding,
  createEventPort,
  createJournal,
  createSealPort,
} from "./create-binding.ts";
import type { JournalPlan } from "./journal.ts";

/** The host's description of a function's `env`: values, secrets included, and bindings with an API of their own. */
export interface EnvPlan {
  values: Record<string, string>;
  bindings: readonly BindingPlan[];
  /** The host's side of a workflow: `env` has it unseen. Default: the function is none. */
  journal?: JournalPlan;
  /** `limits.timers`. Default: the platform's own bound. */
  timers?: number;
  /** The handlers that the function's triggers need. Default: none. */
  triggers?: readonly string[];
  /** For a module that is a service. Default: it is no function of narun. */
  service?: { name: string; isTrial: boolean };
  /** The errors of triggers' handlers go into the log alone, as it is sealed. Default: answers have them, too. */
  keepsErrors?: boolean;
}

/** The property of `env` that the code of `workflow(…)` reads (functions/sdk/workflow/journal.ts). No variable has such a name. */
const JOURNAL = "narun:journal";

/** The property that `ctx.publish` of a service reads (functions/sdk/service/event-port.ts). */
const EVENTS = "narun:events";

/** The property by which code seals values of its own (functions/sdk/seal/seal-port.ts). */
const SEAL = "narun:seal";

export type Env = Readonly<Record<string, unknown>>;

/** Creates the `env` of the handlers. A binding's object is created at the first access to its property. */
export function createEnv({ values, bindings, journal, service }: EnvPlan): Env {
  const env: Record<string, unknown> = values;
  for (const plan of bindings) {
    let binding: object | undefined;
    const get = () => {
      binding ??= createBinding(plan);
      return binding;
    };
    Object.defineProperty(env, plan.name, { enumerable: true, get });
  }
  if (journal !== undefined) hide(env, JOURNAL, () => createJournal(journal));
  if (service !== undefined) hide(env, EVENTS, createEventPort);
  hide(env, SEAL, createSealPort);
  return Object.freeze(env);
}

/** A property that is made at its first use, and is not seen in a list. */
function hide(env: object, name: string, create: () => object): void {
  let made: object | undefined;
  const get = () => {
    made ??= create();
    return made;
  };
  Object.defineProperty(env, name, { get });
}
