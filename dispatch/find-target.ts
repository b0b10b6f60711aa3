import { chooseInstance } from "./choose.ts";
import type { DispatcherOptions, Job, Target } from "./job.ts";
import { pauseOf } from "./pause.ts";

/**
 * The target of a job; undefined while there is none. `isForeign`: a consumer that narun did not start answers for the
 * service.
 */
export function findTarget(
  { nats, instances, specOf, wires }: Pick<DispatcherOptions, "nats" | "instances" | "specOf" | "wires">,
  { service, request, hasTriedShared }: Job,
  isForeign: boolean,
): Target | undefined {
  if (nats.state !== "connected") return undefined;
  const spec = specOf(service);
  if (pauseOf(spec) !== "none") return undefined;
  const ready = instances.ready(service);
  const first = ready[0];
  if (first !== undefined && !first.isProgram) return chooseInstance(ready, spec?.revision);
  // A program, and a consumer that narun did not start, takes a body in one message only.
  if (request.rest !== undefined) return undefined;
  if (first !== undefined)
    return wires.of(service) === undefined ? undefined : chooseInstance(ready, spec?.revision);
  // A service without a spec is known by its name only. NATS tells at once whether it has a subscriber.
  const mayTry = spec === undefined && !hasTriedShared;
  if (!mayTry && !isForeign) return undefined;
  // Its wire is asked for before its first request.
  return wires.of(service) === undefined ? undefined : "shared";
}
