import type { DesiredState } from "./desired-state.ts";
import type { InstanceTable } from "./instance-table.ts";
import type { Modes } from "./modes.ts";

export interface UnusedHostsOptions {
  desired: DesiredState;
  instances: InstanceTable;
  modes: Modes;
}

/**
 * Ends the hosts of groups that need none. A group needs its host for its instances, and for its functions with a rate limit:
 * the counts are in the host, and go on while the functions sleep.
 */
export function releaseUnusedHosts({ desired, instances, modes }: UnusedHostsOptions): void {
  for (const mode of modes.names) {
    const counts = (name: string, group: string) => {
      const spec = desired.get(name)?.spec;
      const hasLimit = spec?.bindings.some(({ ratelimit }) => ratelimit !== undefined) === true;
      return hasLimit && spec.mode === mode && modes.groupOf(spec) === group;
    };
    modes.find(mode)?.releaseUnused((group) => {
      const hasInstance = instances.all().some((one) => one.mode === mode && one.group === group);
      return hasInstance || desired.names().some((name) => counts(name, group));
    });
  }
}
