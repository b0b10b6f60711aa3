import type { Host } from "../host/host.ts";

/** The hosts of a node, one for each trust group. */
export interface Hosts {
  /** The group's host, started where there is none. */
  of(trust: string): Host;
  /** Says that a group has no instance left: its host ends, except the one that is always kept ready. */
  release(trust: string): void;
  close(options: { graceMs: number }): Promise<void>;
}

/** The trust group whose host is kept ready, as most functions are in it. */
const KEPT_TRUST = "default";

export function createHosts(start: (trust: string) => Host): Hosts {
  const hosts = new Map<string, Host>([[KEPT_TRUST, start(KEPT_TRUST)]]);
  return {
    of(trust) {
      const host = hosts.get(trust) ?? start(trust);
      hosts.set(trust, host);
      return host;
    },
    release(trust) {
      if (trust === KEPT_TRUST) return;
      void hosts.get(trust)?.close({ graceMs: 0 });
      hosts.delete(trust);
    },
    async close(options) {
      await Promise.all([...hosts.values()].map((host) => host.close(options)));
      hosts.clear();
    },
  };
}
