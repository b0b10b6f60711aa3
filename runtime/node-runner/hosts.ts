import { NarunError } from "../../contracts/index.ts";
import type { Host } from "../host/host.ts";

/** The hosts of a node, one for each trust group. */
export interface Hosts {
  /** The group's host, where there is one. */
  find(trust: string): Host | undefined;
  /** The group's host, started where there is none. */
  of(trust: string): Host;
  /** Does something with a group's host, which does not end meanwhile. */
  use<T>(trust: string, work: (host: Host) => Promise<T>): Promise<T>;
  /** Says that a group has no instance left: its host ends, except the one that is always kept ready. */
  release(trust: string): void;
  close(options: { graceMs: number }): Promise<void>;
}

/** The trust group whose host is kept ready, as most functions are in it. */
const KEPT_TRUST = "default";

export function createHosts(start: (trust: string) => Host): Hosts {
  const hosts = new Map<string, Host>([[KEPT_TRUST, start(KEPT_TRUST)]]);
  /** How many works are under way on a group's host. */
  const uses = new Map<string, number>();
  let isClosed = false;
  const of = (trust: string) => {
    if (isClosed) throw new NarunError("NODE_STOPPING");
    const host = hosts.get(trust) ?? start(trust);
    hosts.set(trust, host);
    return host;
  };
  return {
    of,
    async use(trust, work) {
      uses.set(trust, (uses.get(trust) ?? 0) + 1);
      try {
        return await work(of(trust));
      } finally {
        uses.set(trust, (uses.get(trust) ?? 1) - 1);
      }
    },
    find: (trust) => hosts.get(trust),
    release(trust) {
      if (trust === KEPT_TRUST || (uses.get(trust) ?? 0) > 0) return;
      void hosts.get(trust)?.close({ graceMs: 0 });
      hosts.delete(trust);
    },
    async close(options) {
      isClosed = true;
      await Promise.all([...hosts.values()].map((host) => host.close(options)));
      hosts.clear();
    },
  };
}
