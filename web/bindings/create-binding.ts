import type { BindingPlan } from "./binding-plan.ts";
import { KvBucket } from "./kv.ts";
import { ObjectBucket } from "./objects.ts";
import { Publisher } from "./publisher.ts";
import { Service } from "./service.ts";

/** What `env` has of a binding; none of it is made in functions without one (lazy-modules.ts). */
export function createBinding({ name, kind, target }: BindingPlan): object {
  switch (kind) {
    case "kv":
      return new KvBucket(name);
    case "objects":
      return new ObjectBucket(name);
    case "service":
      return new Service(name, target);
    case "publish":
      return new Publisher(name);
  }
}
