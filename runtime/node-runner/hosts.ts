/**
 * The hosts of a node: one for each trust group, and one for each function that is kept apart.
 *
 * I1  A function that has made a host unusable is in a host of its own from then on, until its spec changes.
 * I2  Where a host dies without a word twice within a minute, any of the functions in it may be to blame: all of them get
 *     hosts of their own, and the next death names the one.
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

export function createHosts({ start, createBackoff, nowMs = Date.now }: HostsOptions): Hosts {
  const backoffs = new Map<string, Backoff>();
  const startOne = (group: string) => {
    const backoff = backoffs.get(group) ?? createBackoff();
    backoffs.set(group, backoff);
    return start(group, backoff);
  };
  const hosts = new Map<string, Host>([[KEPT_GROUP, startOne(KEPT_GROUP)]]);
  /** How many works are under way on a group's host. */
  const uses = new Map<string, number>();
  /** Functions that are kept apart, with the generation that was to blame. */
  const apart = new Map<string, string>();
  const deaths = new Map<string, number>();
  let isClosed = false;
  const of = (group: string) => {
    if (isClosed) throw new NarunError("NODE_STOPPING");
    const host = hosts.get(group) ?? startOne(group);
    hosts.set(group, host);
    return host;
  };
  return {
    // Neither name can contain a slash.
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
    died(group) {
      const last = deaths.get(group);
      const now = nowMs();
      deaths.set(group, now);
      return last !== undefined && now - last < SUSPICION_MS && !group.includes("/");
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
