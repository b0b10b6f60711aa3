/**
 * The consumers that are not deployed, by their services: they have no spec, and bring their routes themselves.
 *
 * I1  The instance that became ready last gives its service the routes.
 * I2  A service keeps its routes for `KEPT_MS` after its last instance: requests are held while it is restarted.
 */
import type { Route } from "../contracts/index.ts";

/** A service with routes of its own. */
export interface Consumer {
  readonly name: string;
  readonly routes: readonly Route[];
}

export interface Consumers {
  all(): Consumer[];
  /** An instance is ready. */
  add(service: string, instance: string, routes: readonly Route[]): void;
  /** An instance is gone. */
  remove(service: string, instance: string): void;
  close(): void;
}

const KEPT_MS = 60_000;
/** Upper bound of the services: any client of NATS may announce one. */
const MAX_SERVICES = 10_000;

interface Known extends Consumer {
  readonly instances: Set<string>;
  timer: NodeJS.Timeout | undefined;
}

/** `onChange`: the routes are others from now on. */
export function createConsumers(onChange: () => void): Consumers {
  const known = new Map<string, Known>();
  return {
    all: () => [...known.values()],
    add(name, instance, routes) {
      const before = known.get(name);
      if (before === undefined && known.size >= MAX_SERVICES) return;
      clearTimeout(before?.timer);
      const instances = before?.instances ?? new Set();
      known.set(name, { name, routes, instances: instances.add(instance), timer: undefined });
      if (JSON.stringify(before?.routes) !== JSON.stringify(routes)) onChange();
    },
    remove(name, instance) {
      const service = known.get(name);
      if (service?.instances.delete(instance) !== true || service.instances.size > 0) return;
      service.timer = setTimeout(() => {
        known.delete(name);
        onChange();
      }, KEPT_MS).unref();
    },
    close() {
      for (const { timer } of known.values()) clearTimeout(timer);
      known.clear();
    },
  };
}
