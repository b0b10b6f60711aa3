/**
 * The hosts of one mode on a node, by their groups (groups.ts).
 *
 * I1  A host ends when its group needs it no more (unused-hosts.ts). The host of the group `default` stays: most functions
 *     are in it.
 * I2  A function in quarantine that hits a limit, or loses its host, again and again is started after growing pauses.
 */
import { NarunError } from "../../contracts/index.ts";
import type { Backoff } from "../../machine/index.ts";
import type { Host } from "../host.ts";
import { isHalf, isQuarantine } from "./groups.ts";

export interface Hosts {
  /** The group's host, where there is one. */
  find(group: string): Host | undefined;
  /** The group's host, started where there is none. Error: NODE_STOPPING. */
  of(group: string): Host;
  /** Runs `work` on a group's host, which does not end meanwhile. */
  use<T>(group: string, work: (host: Host) => Promise<T>): Promise<T>;
  /** Ends the hosts of the groups that do not need one (I1). */
  releaseUnused(isNeeded: (group: string) => boolean): void;
  /** An instance of the group hit a limit, or lost its host. */
  crashed(group: string): void;
  /** Resolves when an instance may be started in the group. */
  pause(group: string): Promise<void>;
  /** The function changed, or is gone: its next start has no pause. */
  forgive(name: string): void;
  close(options: { graceMs: number }): Promise<void>;
}

export interface HostsOptions {
  start(group: string, backoff: Backoff): Host;
  createBackoff(): Backoff;
  nowMs?: () => number;
}

/** The trust group whose host is kept ready. */
const KEPT_GROUP = "default";

export function createHosts({ start, createBackoff, nowMs = Date.now }: HostsOptions): Hosts {
  const backoffs = new Map<string, Backoff>();
  const backoffOf = (group: string) => {
    const backoff = backoffs.get(group) ?? createBackoff();
    backoffs.set(group, backoff);
    return backoff;
  };
  const startOne = (group: string) => start(group, backoffOf(group));
  const hosts = new Map<string, Host>([[KEPT_GROUP, startOne(KEPT_GROUP)]]);
  /** How many calls of `use` are under way on a group's host. */
  const uses = new Map<string, number>();
  /** The end of each group's pause. */
  const pauses = new Map<string, number>();
  let isClosed = false;
  const of = (group: string) => {
    if (isClosed) throw new NarunError("NODE_STOPPING");
    const host = hosts.get(group) ?? startOne(group);
    hosts.set(group, host);
    return host;
  };
  const release = (group: string) => {
    void hosts.get(group)?.close({ graceMs: 0 });
    hosts.delete(group);
    // A later search names its halves anew.
    if (isHalf(group)) backoffs.delete(group);
  };
  return {
    of,
    async use(group, work) {
      uses.set(group, (uses.get(group) ?? 0) + 1);
      try {
        return await work(of(group));
      } finally {
        uses.set(group, (uses.get(group) ?? 1) - 1);
      }
    },
    find: (group) => hosts.get(group),
    releaseUnused(isNeeded) {
      for (const group of hosts.keys()) {
        const isInUse = group === KEPT_GROUP || (uses.get(group) ?? 0) > 0;
        if (!isInUse && !isNeeded(group)) release(group);
      }
    },
    crashed(group) {
      if (!isQuarantine(group)) return;
      const waitMs = backoffOf(group).fail(nowMs());
      pauses.set(group, nowMs() + waitMs);
    },
    async pause(group) {
      const waitMs = (pauses.get(group) ?? 0) - nowMs();
      pauses.delete(group);
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    },
    forgive(name) {
      for (const group of backoffs.keys()) if (group.endsWith(`/${name}`)) backoffs.delete(group);
    },
    async close(options) {
      isClosed = true;
      await Promise.all([...hosts.values()].map((host) => host.close(options)));
      hosts.clear();
    },
  };
}
