import { NarunError, type Spec } from "../../contracts/index.ts";
import { type KvRead, type Nats, type ObjectFacts, openSpecs } from "../../nats/index.ts";
import { describeBinary, listObjects, openProgramStore, usesBinary } from "./binaries.ts";

/**
 * Removes a service: its spec, then the files that were deployed for it and that no other spec uses. Runners stop its
 * instances. Error: PUSH_CONFLICT, where a function has the name by now.
 */
export async function removeProgram(
  nats: Nats,
  read: KvRead<Spec>,
): Promise<{ name: string; binaries: string[] }> {
  const { key: name, revision } = read;
  const specs = await openSpecs(nats);
  // The spec goes first: a half removed service must not run.
  await specs.delete(name, revision);
  const others = await specs.list();
  const now = others.find(({ key }) => key === name);
  if (now !== undefined)
    throw new NarunError("PUSH_CONFLICT", { detail: `${name} was deployed in the meantime`, name });
  // A file may belong to a spec that cannot be read.
  if (others.some(({ ok }) => !ok)) return { name, binaries: [] };
  const store = await openProgramStore(nats);
  const isOwn = (object: ObjectFacts) =>
    describeBinary(object)?.app === name ||
    (read.ok && read.value.kind === "service" && usesBinary(read.value.spec, object));
  const isShared = (object: ObjectFacts) =>
    others.some(
      (other) => other.ok && other.value.kind === "service" && usesBinary(other.value.spec, object),
    );
  const unused = (await listObjects(store)).filter((object) => isOwn(object) && !isShared(object));
  for (const { name: object } of unused) await store.delete(object);
  return { name, binaries: unused.map(({ name: object }) => object) };
}
