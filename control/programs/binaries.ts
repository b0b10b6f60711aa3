/** The files of programs in `app-binaries`: their names, their metadata, and which of them are in use. */
import { binaryMetadataKeys, type Platform, type ServiceSpec, stores } from "../../contracts/index.ts";
import {
  type ByteObjects,
  type Nats,
  type ObjectFacts,
  openBinaries,
  openByteObjects,
} from "../../nats/index.ts";

/** Platforms for which a script is stored beside the platforms of known nodes: a node may join later. */
const SCRIPT_PLATFORMS: readonly Platform[] = [
  { os: "linux", arch: "amd64" },
  { os: "linux", arch: "arm64" },
  { os: "darwin", arch: "amd64" },
  { os: "darwin", arch: "arm64" },
  { os: "freebsd", arch: "amd64" },
];

/** The platforms that run a script, of all known ones. */
export function scriptPlatforms(known: readonly Platform[]): Platform[] {
  const able = known.filter(({ os }) => os !== "windows");
  const all = [...SCRIPT_PLATFORMS, ...able].map((platform) => [platformName(platform), platform] as const);
  return [...new Map(all).values()];
}

/** A platform for people: `linux/amd64`. */
export function platformName({ os, arch }: Platform): string {
  return `${os}/${arch}`;
}

/** The store of programs' files, made where it is missing. Errors: see needsJetStream; STREAM_UNFIT. */
export async function openProgramStore(nats: Nats): Promise<ByteObjects> {
  await openBinaries(nats);
  return openByteObjects(nats, stores.binaries.objects);
}

const PAGE = 1_000;

/** All objects whose names have the prefix. */
export async function listObjects(store: ByteObjects, prefix = ""): Promise<ObjectFacts[]> {
  const found: ObjectFacts[] = [];
  let after: number | undefined = 0;
  while (after !== undefined) {
    const page = await store.list({ prefix, limit: PAGE, after });
    found.push(...page.objects);
    after = page.next;
  }
  return found;
}

/** The metadata of a program's file (compatible). */
export function binaryMetadata(app: string, tag: string, { os, arch }: Platform, file: string) {
  const { app: appKey, os: osKey, arch: archKey, tag: tagKey, file: fileKey } = binaryMetadataKeys;
  return { [appKey]: app, [osKey]: os, [archKey]: arch, [tagKey]: tag, [fileKey]: file };
}

/** The app, version and platform of a stored file. Undefined for a file without this metadata: bundles, early programs. */
export function describeBinary({
  metadata,
}: ObjectFacts): ({ app: string; tag: string } & Platform) | undefined {
  const [app, tag, os, arch] = (["app", "tag", "os", "arch"] as const).map(
    (key) => metadata[binaryMetadataKeys[key]],
  );
  if (app === undefined || tag === undefined || os === undefined || arch === undefined) return undefined;
  return { app, tag, os, arch };
}

/** Whether a spec refers to a stored file: by its own list, by the early key, or by its name and tag. */
export function usesBinary(spec: ServiceSpec, object: ObjectFacts): boolean {
  const { name, tag, binary_object, binaries = [] } = spec;
  if (binary_object === object.name || binaries.some((binary) => binary.object === object.name)) return true;
  return tag !== undefined && object.name.startsWith(`${name}-${tag}-`);
}
