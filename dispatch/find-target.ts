import { chooseInstance } from "./choose.ts";
import type { Instance } from "./instance.ts";
import type { DispatcherOptions, Job, Target } from "./job.ts";
import { pauseOf } from "./pause.ts";

/**
 * The target of a job; undefined while there is none. `isForeign`: a consumer that narun did not start answers for the
 * service.
 */
export function findTarget(
  {
    nats,
    instances,
    specOf,
    wires,
    choose = (...[all, revision]) => chooseInstance(all, revision),
  }: Pick<DispatcherOptions, "nats" | "instances" | "specOf" | "wires" | "choose">,
  { service, request, hasTriedShared, isTurnedAway }: Job,
  isForeign: boolean,
): Target | undefined {
  if (isTurnedAway) return undefined;
  const spec = specOf(service);
  if (pauseOf(spec) !== "none") return undefined;
  const ready = reachable(instances.ready(service), nats.state === "connected");
  const first = ready[0];
  if (first !== undefined && !first.isProgram) return choose(ready, spec?.revision, request);
  // A program, and a consumer that narun did not start, takes a body in one message only.
  if (request.rest !== undefined) return undefined;
  if (first !== undefined)
    return wires.of(service) === undefined ? undefined : choose(ready, spec?.revision, request);
  if (nats.state !== "connected") return undefined;
  // A service without a spec is known by its name only. NATS tells at once whether it has a subscriber.
  const mayTry = spec === undefined && !hasTriedShared;
  if (!mayTry && !isForeign) return undefined;
  // Its wire is asked for before its first request.
  return wires.of(service) === undefined ? undefined : "shared";
}

/** While NATS is away only the instances of this process can be reached. */
function reachable(ready: readonly Instance[], isConnected: boolean): readonly Instance[] {
  return isConnected
    ? ready
    : ready.filter(({ socket }) => socket !== undefined && socket.address === undefined);
}
