import { createFunctionNotFound, NAME_PATTERN } from "../contracts/index.ts";
import { discoverServices, type Nats, openSpecs } from "../nats/index.ts";

/**
 * Throws FUNCTION_NOT_FOUND, with the nearest name, unless the name belongs to a function or to a service that answers. A
 * request to an unknown name would be held until its deadline.
 */
export async function requireKnownName(nats: Nats, name: string): Promise<void> {
  const specs = await openSpecs(nats);
  if (NAME_PATTERN.test(name)) {
    if ((await specs.get(name)) !== undefined) return;
    if ((await discoverServices(nats, { name, maxWaitMs: 300, quietMs: 0 })).length > 0) return;
  }
  const known = (await specs.list()).map(({ key }) => key);
  throw createFunctionNotFound(name, known);
}
