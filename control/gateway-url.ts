import { GATEWAY_SERVICE } from "../contracts/index.ts";
import { discoverServices, type Nats } from "../nats/index.ts";

/** The base URL of a gateway that runs, if any. */
export async function findGatewayUrl(nats: Nats): Promise<string | undefined> {
  const gateways = await discoverServices(nats, { name: GATEWAY_SERVICE, maxWaitMs: 300, quietMs: 30 });
  return gateways.map(({ metadata }) => metadata?.["narun.http"]).find((url) => url !== undefined);
}

/**
 * The URL under which a function is called: its first route at a gateway, without its `*`. Null where no gateway runs, and
 * of a function without a route.
 */
export function functionUrl(
  gatewayUrl: string | undefined,
  routes: readonly { path: string }[],
): string | null {
  const path = routes[0]?.path.replace(/\*$/, "");
  return gatewayUrl === undefined || path === undefined ? null : `${gatewayUrl}${path}`;
}

/** The URL of a function for people, or why it has none. */
export function describeUrl(url: string | null, routes: readonly unknown[]): string {
  return url ?? (routes.length === 0 ? "no route" : "no gateway runs");
}
