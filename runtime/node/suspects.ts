import type { Logger } from "pino";
import type { DesiredFunction } from "./desired-state.ts";
import type { StatusPublisher } from "./status.ts";
import { createSuspicion, trustOf } from "./suspicion.ts";

/** Moves the functions that take their hosts down, or may, to other hosts (suspicion.ts), and tells their authors. */
export interface Suspects {
  /** The group that a function of a trust group is in. */
  groupOf(trust: string, name: string): string;
  /** V8 lost control of the function's isolate. */
  blame(group: string, name: string, reason: string): void;
  /** A group's host died without a word with these functions in it. */
  died(group: string, functions: readonly string[]): void;
  /** The function changed, or is gone. False where nothing was known of it. */
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
  const suspicion = createSuspicion();
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
    log.warn({ function: name, why }, "the function gets a host of its own");
    const about = { function: name, id: "", revision: desired(name)?.spec.revision ?? "" };
    publisher.log("error", about, `HOST_CRASHED: ${why}`);
  };
  return {
    groupOf: suspicion.groupOf,
    blame(group, name, reason) {
      if (!suspicion.blame(trustOf(group), suspectOf(name))) return;
      const why = `V8 could not end what it was at (${reason}), which ended its host`;
      tell(name, `${why}; it runs in a host of its own until it is changed`);
      moved();
    },
    died(group, functions) {
      const verdict = suspicion.died(group, functions.map(suspectOf), performance.now());
      if (verdict.kind === "none") return;
      if (verdict.kind === "halved")
        log.warn({ group, suspects: verdict.suspects }, "a host died again; half of its functions move");
      else
        tell(verdict.suspect, "its host died while no other suspect was in it; it runs in a host of its own");
      moved();
    },
    forgive: suspicion.forgive,
    close: () => clearTimeout(timer),
  };
}
