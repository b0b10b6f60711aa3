/** The stores of functions: specs, revisions and their files, and the rules that keep them consistent. */
import {
  canonicalJson,
  createFunctionNotFound,
  type FunctionSpec,
  type Manifest,
  NAME_PATTERN,
  NarunError,
  revisionKey,
  type ServiceDescription,
  type Spec,
  shortRevision,
} from "../contracts/index.ts";
import {
  type ContentStore,
  type KvRead,
  type Nats,
  openBinaries,
  openRevisions,
  openSpecs,
  specOfManifest,
  type TypedKv,
} from "../nats/index.ts";

export interface Registry {
  specs: TypedKv<Spec>;
  revisions: TypedKv<Manifest>;
  binaries: ContentStore;
}

/** A stored revision. `order` grows with each push. */
export interface StoredRevision {
  revision: string;
  manifest: Manifest;
  pushedAt: Date;
  order: number;
}

export async function openRegistry(nats: Nats): Promise<Registry> {
  const [specs, revisions, binaries] = await Promise.all([
    openSpecs(nats),
    openRevisions(nats),
    openBinaries(nats),
  ]);
  return { specs, revisions, binaries };
}

/** The spec under a name. Undefined for a text that is no valid name. */
export async function readSpec({ specs }: Registry, name: string): Promise<KvRead<Spec> | undefined> {
  return NAME_PATTERN.test(name) ? specs.get(name) : undefined;
}

/** The spec of a live function. Undefined for a service, and for a spec that cannot be read. */
export function liveSpec(read: KvRead<Spec> | undefined): FunctionSpec | undefined {
  return read?.ok && read.value.kind === "function" ? read.value.spec : undefined;
}

/** Whether a name belongs to a service of the original toolkit, which narun leaves alone. */
export function isService(read: KvRead<Spec> | undefined): boolean {
  return read?.ok === true && read.value.kind === "service";
}

/** Whether a push of the revision would leave the spec as it is. The code decides what it tells about itself as a service. */
export function isLive(read: KvRead<Spec> | undefined, manifest: Manifest, revision: string): boolean {
  const spec = liveSpec(read);
  if (spec === undefined) return false;
  const { interface: _, paused: _paused, ...pushed } = spec;
  return canonicalJson(pushed) === canonicalJson(specOfManifest(manifest, revision));
}

/** The revisions of a function, the latest push first. Unreadable revisions are left out. */
export async function storedRevisions(registry: Registry, name: string): Promise<StoredRevision[]> {
  const reads = NAME_PATTERN.test(name) ? await registry.revisions.list(revisionKey(name, "*")) : [];
  return reads
    .flatMap((read) =>
      read.ok
        ? [
            {
              revision: read.key.slice(name.length + 1),
              manifest: read.value,
              pushedAt: read.createdAt,
              order: read.revision,
            },
          ]
        : [],
    )
    .sort((a, b) => b.order - a.order);
}

/**
 * Makes a revision live, if the spec has not changed since it was read. `description`: it is a service. Returns the revision of the bucket after the write.
 * Error: PUSH_CONFLICT.
 */
export async function moveSpec(
  { specs }: Registry,
  base: KvRead<Spec> | undefined,
  manifest: Manifest,
  revision: string,
  description?: ServiceDescription,
): Promise<number> {
  const { name } = manifest.config;
  const paused = liveSpec(base)?.paused;
  const next: Spec = {
    kind: "function",
    spec: {
      ...specOfManifest(manifest, revision),
      ...(description && { interface: description }),
      ...(paused && { paused }),
    },
  };
  const written =
    base === undefined ? await specs.create(name, next) : await specs.update(name, next, base.revision);
  if (written !== undefined) return written;

  const now = await specs.get(name);
  // Another push wrote the same spec.
  if (now !== undefined && isLive(now, manifest, revision)) return now.revision;
  const live = liveSpec(now);
  throw new NarunError("PUSH_CONFLICT", {
    detail:
      live === undefined
        ? `${name} was removed or replaced in the meantime`
        : `${name} is at revision ${shortRevision(live.revision)} now`,
    name,
    ...(live === undefined ? {} : { live: live.revision }),
  });
}

/** Upper bound of the kept revisions of a function: enough for a rollback over a day of work, and a bound for `narun dev`. */
export const KEPT_REVISIONS = 20;

/** Deletes the oldest revisions beyond the bound, and their files; returns them. The live revision always stays. */
export async function pruneRevisions(registry: Registry, name: string, live: string): Promise<string[]> {
  const stored = await storedRevisions(registry, name);
  const old = stored.slice(KEPT_REVISIONS).filter(({ revision }) => revision !== live);
  if (old.length === 0) return [];
  for (const { revision } of old) await registry.revisions.delete(revisionKey(name, revision));
  await collectFiles(
    registry,
    old.map(({ manifest }) => manifest),
  );
  return old.map(({ revision }) => revision);
}

/**
 * Deletes the files of manifests that no stored revision refers to, except for the revisions of the keys `going`. Deletes nothing if a
 * revision cannot be read.
 */
export async function collectFiles(
  { revisions, binaries }: Registry,
  manifests: readonly Manifest[],
  going: ReadonlySet<string> = new Set(),
) {
  const stored = await revisions.list();
  const kept = new Set<string>();
  for (const read of stored) {
    if (going.has(read.key)) continue;
    if (!read.ok) return;
    for (const sha256 of filesOf(read.value)) kept.add(sha256);
  }
  const unused = new Set(manifests.flatMap(filesOf).filter((sha256) => !kept.has(sha256)));
  for (const sha256 of unused) await binaries.delete(sha256);
}

/** FUNCTION_NOT_FOUND with the nearest existing name. */
export async function createNotFoundError({ specs }: Registry, name: string): Promise<NarunError> {
  return createFunctionNotFound(
    name,
    (await specs.list()).map(({ key }) => key),
  );
}

function filesOf({ bundle, sourceMap, descriptors }: Manifest): string[] {
  return [bundle.sha256, sourceMap.sha256, ...(descriptors === undefined ? [] : [descriptors.sha256])];
}
