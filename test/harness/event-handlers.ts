import { type EventHandler, ServiceDescriptionSchema } from "../../contracts/index.ts";
import { type Nats, openSpecs } from "../../nats/index.ts";

/** Writes event handlers into the spec of a function, as the description of a service would say them. */
export async function describeHandlers(
  nats: Nats,
  name: string,
  handlers: readonly Partial<EventHandler>[],
): Promise<void> {
  const specs = await openSpecs(nats);
  const entry = await specs.get(name);
  if (entry?.ok !== true || entry.value.kind !== "function") throw new Error(`${name} has no spec`);
  const defaults = { isDurable: true, since: "new", isForEach: false };
  const described = handlers.map((handler, at) => ({ name: `h${at + 1}`, ...defaults, ...handler }));
  const service = ServiceDescriptionSchema.parse({ version: "1.0.0", events: described });
  await specs.put(name, { kind: "function", spec: { ...entry.value.spec, interface: service } });
}
