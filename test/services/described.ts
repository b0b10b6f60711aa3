/** Puts a description into the spec of a function that answers the requests of its actions by itself. */
import type { ServiceDescription } from "../../contracts/index.ts";
import { openSpecs } from "../../nats/index.ts";
import type { World } from "../harness/world.ts";

export async function describe(world: World, name: string, told: ServiceDescription): Promise<void> {
  const specs = await openSpecs(world.connection);
  const read = await specs.get(name);
  if (read?.ok !== true || read.value.kind !== "function") throw new Error(`${name} is not deployed`);
  await specs.update(
    name,
    { kind: "function", spec: { ...read.value.spec, interface: told } },
    read.revision,
  );
}
