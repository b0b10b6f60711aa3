/**
 * The descriptors of functions: files beside their bundles, named by the manifest of the live revision.
 *
 * I1  They are read when a client asks, once for each revision.
 * I2  A function without descriptors, and one whose descriptors cannot be read, is as one that has none.
 */
import { BoundedMap, type FunctionSpec, messageOf, revisionKey } from "../../contracts/index.ts";
import type { Log } from "../../dispatch/index.ts";
import { type Nats, openBinaries, openRevisions } from "../../nats/index.ts";
import { type DescriptorIndex, indexDescriptors } from "./descriptor-index.ts";

export interface Descriptors {
  /** Undefined: none are known. */
  of(spec: FunctionSpec): Promise<DescriptorIndex | undefined>;
}

/** Upper bound of the revisions whose descriptors are kept. */
const MAX_KEPT = 200;

export function createDescriptors({ nats, log }: { nats: Nats; log: Log }): Descriptors {
  const kept = new BoundedMap<string, Promise<DescriptorIndex | undefined>>(MAX_KEPT);
  const read = async (name: string, revision: string) => {
    const manifest = await (await openRevisions(nats)).get(revisionKey(name, revision));
    if (manifest?.ok !== true || manifest.value.descriptors === undefined) return undefined;
    return indexDescriptors(await (await openBinaries(nats)).get(manifest.value.descriptors.sha256));
  };
  return {
    of({ name, revision }) {
      const key = revisionKey(name, revision);
      const known = kept.get(key);
      if (known !== undefined) return known;
      const reading = read(name, revision).catch((error: unknown) => {
        log.warn({ function: name, error: messageOf(error) }, "the descriptors of a function cannot be read");
        kept.delete(key);
        return undefined;
      });
      kept.set(key, reading);
      return reading;
    },
  };
}
