import type { Logger } from "pino";
import type { DesiredState } from "./desired-state.ts";
import type { Hosts } from "./hosts.ts";
import type { InstanceTable } from "./instance-table.ts";
import type { StatusPublisher } from "./status.ts";

/** Keeps the functions apart that take their hosts down (hosts.ts), and tells their authors. */
export interface Suspects {
  /** V8 lost control of the function's isolate. */
  blame(name: string, reason: string): void;
  /** A group's host died without a word while it ran these instances. */
  died(group: string, instances: readonly string[]): void;
}

export interface SuspectsOptions {
  hosts: Hosts;
  instances(): Pick<InstanceTable, "all">;
  generationOf: (name: string) => ReturnType<DesiredState["get"]>;
  publisher: StatusPublisher;
  log: Logger;
}

export function createSuspects({
  hosts,
  instances,
  generationOf,
  publisher,
  log,
}: SuspectsOptions): Suspects {
  const keepApart = (name: string, why: string) => {
    const wanted = generationOf(name);
    if (!hosts.keepApart(name, wanted?.generation ?? "")) return;
    log.warn({ function: name, why }, "the function gets a host of its own");
    const about = { function: name, id: "", revision: wanted?.spec.revision ?? "" };
    publisher.log("error", about, `HOST_CRASHED: ${why}; it runs in a host of its own until it is changed`);
  };
  return {
    blame: (name, reason) =>
      keepApart(name, `V8 could not end what it was at (${reason}), which ended its host`),
    died(group, ids) {
      if (!hosts.died(group)) return;
      const lost = instances()
        .all()
        .filter(({ id }) => ids.includes(id));
      const why = "its host died twice within a minute, and it was one of the functions in it";
      for (const name of new Set(lost.map((instance) => instance.function))) keepApart(name, why);
    },
  };
}
