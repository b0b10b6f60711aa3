/**
 * Copies of pushed programs under the original toolkit's names, with its metadata: its runners and its command line find
 * programs by them.
 */
import { binaryObjectName, type Manifest, platformOf, shortRevision } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import { binaryMetadata, describeBinary, listObjects, openProgramStore } from "./binaries.ts";

/** Stores the copy of a program. Nothing for a function. */
export async function storeNamedCopy(
  nats: Nats,
  manifest: Manifest,
  { revision, bytes }: { revision: string; bytes: Uint8Array },
): Promise<void> {
  const { program, config, bundle } = manifest;
  if (program === undefined) return;
  const [tag, platform] = [shortRevision(revision), platformOf(program)];
  const object = binaryObjectName(config.name, tag, platform);
  const store = await openProgramStore(nats);
  if ((await store.info(object))?.sha256 === bundle.sha256) return;
  const body = async function* () {
    yield bytes;
  };
  await store.put(object, body(), { metadata: binaryMetadata(config.name, tag, platform, program.file) });
}

/** Deletes the copies of a program's revisions. Default: of all. Returns their names. */
export async function deleteNamedCopies(
  nats: Nats,
  name: string,
  revisions?: readonly string[],
): Promise<string[]> {
  const tags = revisions === undefined ? undefined : new Set(revisions.map(shortRevision));
  const store = await openProgramStore(nats);
  const found = (await listObjects(store, `${name}-`)).filter((object) => {
    const about = describeBinary(object);
    return about?.app === name && (tags === undefined || tags.has(about.tag));
  });
  for (const object of found) await store.delete(object.name);
  return found.map((object) => object.name);
}
