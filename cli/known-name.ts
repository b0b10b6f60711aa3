import { createFunctionNotFound, NAME_PATTERN } from "../contracts/index.ts";
import { discoverServices, type Nats, openSpecs } from "../nats/index.ts";

/**
 * Ends with FUNCTION_NOT_FOUND and the nearest name there is, where a name is neither a function's nor that of a service
 * that answers: a request to it would be held in vain.
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
