/**
 * The hosts of a node: one for each trust group, and one for each function that is kept apart.
 *
 * I1  A function that has made a host unusable is in a host of its own from then on, until its spec changes.
 * I2  Where a host dies without a word twice within a minute, any of the functions in it may be to blame: all of them get
 *     hosts of their own, and the next death names the one.
 * I3  A function that is kept apart and hits a limit again and again is started after growing pauses.
 */
import { NarunError } from "../../contracts/index.ts";
import type { Backoff } from "../host/backoff.ts";
import type { Host } from "../host/host.ts";

export interface Hosts {
  /** The group that a function of a trust group is in. */
  groupOf(trust: string, name: string): string;
  /** The group's host, where there is one. */
  find(group: string): Host | undefined;
  /** The group's host, started where there is none. */
  of(group: string): Host;
  /** Does something with a group's host, which does not end meanwhile. */
  use<T>(group: string, work: (host: Host) => Promise<T>): Promise<T>;
  /** Says that a group has no instance left: its host ends, except the one that is always kept ready. */
  release(group: string): void;
  /** Keeps a function apart; false where it is already. */
  keepApart(name: string, generation: string): boolean;
  /** An instance of the group hit a limit, or lost its host. */
  crashed(group: string): void;
  /** Resolves when something may be started in the group. */
  pause(group: string): Promise<void>;
  /** A group's host died without a word. Says whether its functions are suspects. */
  died(group: string): boolean;
  /** The function changed, or is gone: what is known of it is no longer true. */
  forgive(name: string, generation: string | undefined): void;
  close(options: { graceMs: number }): Promise<void>;
}

export interface HostsOptions {
  start(group: string, backoff: Backoff): Host;
  createBackoff(): Backoff;
  nowMs?: () => number;
}

/** The trust group whose host is kept ready, as most functions are in it. */
const KEPT_GROUP = "default";

const SUSPICION_MS = 60_000;

/** Neither a trust group's name nor a function's has a slash. */
const isApart = (group: string) => group.includes("/");

export function createHosts({ start, createBackoff, nowMs = Date.now }: HostsOptions): Hosts {
  const backoffs = new Map<string, Backoff>();
  const backoffOf = (group: string) => {
    const backoff = backoffs.get(group) ?? createBackoff();
    backoffs.set(group, backoff);
    return backoff;
  };
  const startOne = (group: string) => start(group, backoffOf(group));
  const hosts = new Map<string, Host>([[KEPT_GROUP, startOne(KEPT_GROUP)]]);
  /** How many works are under way on a group's host. */
  const uses = new Map<string, number>();
  /** Functions that are kept apart, with the generation that was to blame. */
  const apart = new Map<string, string>();
  const deaths = new Map<string, number>();
  /** Until when nothing is started in a group. */
  const pauses = new Map<string, number>();
  let isClosed = false;
  const of = (group: string) => {
    if (isClosed) throw new NarunError("NODE_STOPPING");
    const host = hosts.get(group) ?? startOne(group);
    hosts.set(group, host);
    return host;
  };
  return {
    groupOf: (trust, name) => (apart.has(name) ? `${trust}/${name}` : trust),
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
    release(group) {
      if (group === KEPT_GROUP || (uses.get(group) ?? 0) > 0) return;
      void hosts.get(group)?.close({ graceMs: 0 });
      hosts.delete(group);
    },
    keepApart(name, generation) {
      const isNew = !apart.has(name);
      apart.set(name, generation);
      return isNew;
    },
    crashed(group) {
      if (!isApart(group)) return;
      const waitMs = backoffOf(group).fail(nowMs());
      pauses.set(group, nowMs() + waitMs);
    },
    async pause(group) {
      const waitMs = (pauses.get(group) ?? 0) - nowMs();
      pauses.delete(group);
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    },
    died(group) {
      const last = deaths.get(group);
      const now = nowMs();
      deaths.set(group, now);
      return last !== undefined && now - last < SUSPICION_MS && !isApart(group);
    },
    forgive(name, generation) {
      if (apart.get(name) === generation) return;
      apart.delete(name);
      for (const group of backoffs.keys()) if (group.endsWith(`/${name}`)) backoffs.delete(group);
    },
    async close(options) {
      isClosed = true;
      await Promise.all([...hosts.values()].map((host) => host.close(options)));
      hosts.clear();
    },
  };
}
