import { GATEWAY_SERVICE } from "../contracts/index.ts";
import { type DiscoveredService, discoverServices, type Nats } from "../nats/index.ts";

/** How long gateways may take to answer. */
export interface GatewayPatience {
  /** In all. Default 300 ms. */
  maxWaitMs?: number;
  /** After the last answer. Default 30 ms. */
  quietMs?: number;
}

/** The base URL of a running gateway, if any. */
export async function findGatewayUrl(
  nats: Nats,
  { maxWaitMs = 300, quietMs = 30 }: GatewayPatience = {},
): Promise<string | undefined> {
  const urlOf = ({ metadata }: DiscoveredService) => metadata?.["narun.http"];
  const gateways = await discoverServices(nats, {
    name: GATEWAY_SERVICE,
    maxWaitMs,
    quietMs,
    isEnough: (gateway) => urlOf(gateway) !== undefined,
  });
  return gateways.map(urlOf).find((url) => url !== undefined);
}

/** The URL of a function: its first route at a gateway, without the `*`. Null without a gateway or a route. */
export function functionUrl(
  gatewayUrl: string | undefined,
  routes: readonly { path: string }[],
): string | null {
  const path = routes[0]?.path.replace(/\*$/, "");
  return gatewayUrl === undefined || path === undefined ? null : `${gatewayUrl}${path}`;
}

/** The URL of a function, or the reason for its absence, for a person. */
export function describeUrl(url: string | null, routes: readonly unknown[]): string {
  return url ?? (routes.length === 0 ? "no route" : "no gateway runs");
}
