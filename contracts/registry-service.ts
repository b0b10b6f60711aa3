/**
 * The registry as a service. Gateways answer for it in one queue group; its answers are computed from specs, `$SRV.STATS` and nodes with
 * each request. Its subjects have the form of every service: `<service>.<action>`.
 */
export const REGISTRY_SERVICE = "narun-registry";

/** Its actions: all services, one of them (`{ "name": "orders" }`), and how they depend on each other. */
export const REGISTRY_ACTIONS = ["list", "info", "graph"] as const;
export type RegistryAction = (typeof REGISTRY_ACTIONS)[number];

/** Events of it: `narun-registry.appeared.orders`. */
export function registryEvent(event: "appeared" | "changed" | "left", service: string): string {
  return `${REGISTRY_SERVICE}.${event}.${service}`;
}
