import { BoundedMap, type Manifest, NarunError, revisionKey } from "../../contracts/index.ts";
import type { TypedKv } from "../../nats/index.ts";
import type { BundleCache } from "./bundle-cache.ts";

/** The revisions that a node runs, by name. Manifests are immutable: each is read once and kept. */
export interface Revisions {
  /** Error: REVISION_NOT_FOUND. */
  manifest(name: string, revision: string): Promise<Manifest>;
  /** Errors: REVISION_NOT_FOUND, OBJECT_NOT_FOUND, DIGEST_MISMATCH. */
  load(name: string, revision: string): Promise<{ manifest: Manifest; bundle: Uint8Array }>;
  /** The source map of a revision that was loaded before. */
  sourceMap(revision: string): Promise<Uint8Array | undefined>;
}

const MAX_KEPT_MANIFESTS = 1_000;

export function createRevisions(store: TypedKv<Manifest>, cache: BundleCache): Revisions {
  const manifests = new BoundedMap<string, Manifest>(MAX_KEPT_MANIFESTS);

  const manifestOf = async (name: string, revision: string): Promise<Manifest> => {
    const kept = manifests.get(revision);
    if (kept !== undefined) return kept;
    const read = await store.get(revisionKey(name, revision));
    if (read === undefined) throw new NarunError("REVISION_NOT_FOUND", { detail: `${name} ${revision}` });
    if (!read.ok) throw read.error;
    manifests.set(revision, read.value);
    return read.value;
  };

  return {
    manifest: manifestOf,
    async load(name, revision) {
      const manifest = await manifestOf(name, revision);
      return { manifest, bundle: await cache.get(manifest.bundle.sha256) };
    },
    async sourceMap(revision) {
      const manifest = manifests.get(revision);
      // A stack without the author's lines is better than none.
      return manifest === undefined ? undefined : cache.get(manifest.sourceMap.sha256).catch(() => undefined);
    },
  };
}
