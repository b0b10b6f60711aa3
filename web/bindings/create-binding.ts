import { withActions } from "./action-caller.ts";
import { EventPort } from "./event-port.ts";
import { Events } from "./events.ts";
import { Journal, type JournalPlan } from "./journal.ts";
import { KvBucket } from "./kv.ts";
import { ObjectBucket } from "./objects.ts";
import { Publisher } from "./publisher.ts";
import { RateLimit } from "./rate-limit.ts";
import { sealPort } from "./seal-port.ts";
import { sealedByHost } from "./sealed-by-host.ts";
import { Service } from "./service.ts";
import { Workflows } from "./workflows.ts";

/** The name of a binding's property in `env`. The host finds the binding by it. */
interface Named {
  name: string;
}

/** One line for each kind: how the object in `env` is made. */
const constructors = {
  kv: ({ name }: Named) => new KvBucket(name),
  objects: ({ name }: Named) => new ObjectBucket(name),
  service: ({ name, service, seal }: Named & { service: string; seal?: string }) =>
    withActions(new Service(name, service), seal === undefined ? undefined : sealedByHost(name)),
  publish: ({ name }: Named) => new Publisher(name),
  events: ({ name }: Named) => new Events(name),
  ratelimit: ({ name }: Named) => new RateLimit(name),
  workflow: ({ name }: Named) => new Workflows(name),
};

type Constructors = typeof constructors;

/** A binding as the host describes it to the isolate. The host itself works with its own configuration alone. */
export type BindingPlan = {
  [K in keyof Constructors]: { kind: K } & Parameters<Constructors[K]>[0];
}[keyof Constructors];

/** Makes the object of a binding. Functions without bindings load none of these modules (lazy-modules.ts). */
export function createBinding(plan: BindingPlan): object {
  const create: (plan: never) => object = constructors[plan.kind];
  return create(plan as never);
}

/** Makes the events of a service: by all its bindings, and below its own name. */
export function createEventPort(): object {
  return new EventPort();
}

/** The keys of the function's labels, for values that its code seals itself. */
export function createSealPort(): object {
  return sealPort;
}

/** Makes the host's side of a workflow. */
export function createJournal(plan: JournalPlan): object {
  return new Journal(plan);
}
