import type { Logger } from "pino";
import type { DesiredFunction } from "./desired-state.ts";
import { trustOf } from "./groups.ts";
import type { StatusPublisher } from "./status.ts";
import { Suspicion } from "./suspicion.ts";

/** Moves functions that take their hosts down, or may do so, to other hosts (suspicion.ts), and tells their authors. */
export interface Suspects {
  /** The group of a function of a trust group. */
  groupOf(trust: string, name: string): string;
  /** V8 lost control of the function's isolate: the function goes into quarantine. */
  quarantine(group: string, name: string, reason: string): void;
  /** A group's host died without a report, with these functions in it. True: they all move to other groups. */
  hostDied(group: string, functions: readonly string[]): boolean;
  /** The function changed, or is gone. False where nothing was held against it. */
  forgive(name: string, generation: string | undefined): boolean;
  close(): void;
}

export interface SuspectsOptions {
  desired(name: string): DesiredFunction | undefined;
  /** Some functions belong in other hosts from now on. */
  onMoved(): void;
  publisher: StatusPublisher;
  log: Logger;
}

export function createSuspects({ desired, onMoved, publisher, log }: SuspectsOptions): Suspects {
  const suspicion = new Suspicion();
  let timer: NodeJS.Timeout | undefined;

  const moved = () => {
    clearTimeout(timer);
    const endMs = suspicion.nextEndMs();
    if (endMs !== undefined) timer = setTimeout(expire, endMs - performance.now()).unref();
    onMoved();
  };
  const expire = () => {
    suspicion.expire(performance.now());
    moved();
  };
  const suspectOf = (name: string) => ({ name, generation: desired(name)?.generation ?? "" });
  const tell = (name: string, why: string) => {
    log.warn({ function: name, why }, "the function is in quarantine");
    const about = { function: name, id: "", revision: desired(name)?.spec.revision ?? "" };
    publisher.log("error", about, `HOST_CRASHED: ${why}`);
  };
  return {
    groupOf: (trust, name) => suspicion.groupOf(trust, name),
    quarantine(group, name, reason) {
      if (!suspicion.quarantine(trustOf(group), suspectOf(name))) return;
      const why = `V8 could not end the function's code (${reason}), which ended its host`;
      tell(name, `${why}; the function runs in a host of its own until it is changed`);
      moved();
    },
    hostDied(group, functions) {
      const verdict = suspicion.hostDied(group, functions.map(suspectOf), performance.now());
      if (verdict.kind === "none") return false;
      if (verdict.kind === "halved")
        log.warn({ group, suspects: verdict.suspects }, "a host died again; half of its functions move");
      else
        tell(verdict.suspect, "its host died while no other suspect was in it; it runs in a host of its own");
      moved();
      return functions.every((name) => suspicion.groupOf(trustOf(group), name) !== group);
    },
    forgive: (name, generation) => suspicion.forgive(name, generation),
    close: () => clearTimeout(timer),
  };
}
