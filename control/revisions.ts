import { type FunctionSpec, NarunError, revisionKey, shortRevision } from "../contracts/index.ts";
import { dropCalls, type Nats, removeEventConsumers, removeQueueConsumers } from "../nats/index.ts";
import { type Cleared, type ClearOptions, requireSealed } from "./cleared.ts";
import { waitForGateways, writtenOf } from "./gateways.ts";
import { ifPermitted } from "./if-permitted.ts";
import { deleteNamedCopies } from "./programs/named-copies.ts";
import { removeProgram } from "./programs/remove.ts";
import {
  collectFiles,
  createNotFoundError,
  isService,
  liveSpec,
  moveSpec,
  openRegistry,
  readSpec,
  type StoredRevision,
  storedRevisions,
} from "./registry.ts";
import { createTrialError, tryRevision } from "./trial.ts";

/** A revision of a function in a list. */
export interface RevisionSummary {
  revision: string;
  /** Whether it is the live one. */
  active: boolean;
  /** When it was last pushed, ISO 8601. */
  pushedAt: string;
  /** Bytes of the bundle. */
  size: number;
}

/** The outcome of a rollback. */
export interface RollbackResult {
  name: string;
  revision: string;
  /** The revision that was live before. Absent if the spec could not be read. */
  from?: string;
  /** As in a push: every gateway answers the next request with it. */
  answering: boolean;
  /** As in a push. */
  cleared?: Cleared[];
}

/** The stored revisions of a function, the latest push first. Error: FUNCTION_NOT_FOUND with the nearest name. */
export async function listRevisions(nats: Nats, name: string): Promise<RevisionSummary[]> {
  const registry = await openRegistry(nats);
  const stored = await storedRevisions(registry, name);
  const spec = await readSpec(registry, name);
  if (isService(spec) || (spec === undefined && stored.length === 0)) {
    throw await createNotFoundError(registry, name);
  }
  const live = liveSpec(spec);
  return stored.map(({ revision, manifest, pushedAt }) => ({
    revision,
    active: revision === live?.revision,
    pushedAt: pushedAt.toISOString(),
    size: manifest.bundle.size,
  }));
}

/**
 * Makes an earlier revision live again, code and configuration. `to` is a revision or at least four of its first digits.
 * Default: the revision that was pushed before the live one. A node tries it first. Errors: FUNCTION_NOT_FOUND,
 * REVISION_NOT_FOUND, TRIAL_FAILED, PUSH_CONFLICT, CLEAR_REFUSED.
 */
export async function rollback(
  nats: Nats,
  name: string,
  to?: string,
  options: ClearOptions = {},
): Promise<RollbackResult> {
  const registry = await openRegistry(nats);
  const stored = await storedRevisions(registry, name);
  const base = await readSpec(registry, name);
  if (base === undefined || isService(base)) throw await createNotFoundError(registry, name);
  const live = liveSpec(base);
  const target = to === undefined ? decidePrevious(stored, live) : decideByPrefix(stored, to);
  const { revision, manifest } = target;
  let answering = true;
  let cleared: Cleared[] = [];
  if (revision !== live?.revision) {
    const result = await tryRevision(nats, { function: name, revision, mode: manifest.config.mode });
    if (result.outcome === "failed") throw createTrialError(result);
    const description = result.outcome === "ok" ? result.interface : undefined;
    const { config } = manifest;
    cleared = requireSealed(live, { config, description, isTried: result.outcome === "ok" }, options);
    const written = await moveSpec(registry, base, manifest, revision, description);
    await ifPermitted(async () => {
      await removeQueueConsumers(nats, name, live?.consume ?? [], manifest.config.consume ?? []);
      if (result.outcome === "ok") await removeEventConsumers(nats, name, description?.events);
    });
    answering = await waitForGateways(nats, writtenOf(manifest, written));
  }
  const told = cleared.length === 0 ? {} : { cleared };
  return { name, revision, ...(live === undefined ? {} : { from: live.revision }), answering, ...told };
}

/**
 * Removes a function: its spec, its revisions, and the files that no other revision shares. Its instances drain. A service
 * loses its spec and its programs. Error: FUNCTION_NOT_FOUND.
 */
export async function removeFunction(
  nats: Nats,
  name: string,
): Promise<{ name: string; revisions: string[]; binaries: string[] }> {
  const registry = await openRegistry(nats);
  const stored = await storedRevisions(registry, name);
  const spec = await readSpec(registry, name);
  if (spec !== undefined && isService(spec)) return { revisions: [], ...(await removeProgram(nats, spec)) };
  if (spec === undefined && stored.length === 0) throw await createNotFoundError(registry, name);
  // The spec goes first: a half removed function must not run.
  await registry.specs.delete(name);
  // Nodes delete the consumers that they read. None may run.
  const consumed = stored.flatMap(({ manifest }) => manifest.config.consume ?? []);
  await ifPermitted(() => removeQueueConsumers(nats, name, consumed, []));
  await ifPermitted(() => removeEventConsumers(nats, name));
  await ifPermitted(() => dropCalls(nats, name));
  const manifests = stored.map(({ manifest }) => manifest);
  const keys = stored.map(({ revision }) => revisionKey(name, revision));
  await collectFiles(registry, manifests, new Set(keys));
  const isProgram = stored.some(({ manifest }) => manifest.program !== undefined);
  const binaries = isProgram ? await deleteNamedCopies(nats, name) : [];
  // Revisions go last: where the removal breaks off, the next removal finds the rest by them.
  await Promise.all(keys.map((key) => registry.revisions.delete(key)));
  return { name, revisions: stored.map(({ revision }) => revision), binaries };
}

/** The latest push before the live revision, else the newest revision of all if the live one is unknown. */
function decidePrevious(stored: readonly StoredRevision[], live: FunctionSpec | undefined): StoredRevision {
  const at = stored.findIndex(({ revision }) => revision === live?.revision);
  const previous = stored[at + 1];
  if (previous !== undefined) return previous;
  throw new NarunError("REVISION_NOT_FOUND", { detail: "there is none before the live one" });
}

const MIN_PREFIX = 4;

/** The revision whose id begins with the digits. Error: REVISION_NOT_FOUND, also for several. */
export function decideByPrefix(stored: readonly StoredRevision[], prefix: string): StoredRevision {
  const wanted = prefix.toLowerCase();
  if (wanted.length < MIN_PREFIX) {
    throw new NarunError("REVISION_NOT_FOUND", { detail: `"${prefix}": give at least ${MIN_PREFIX} digits` });
  }
  const [found, ...others] = stored.filter(({ revision }) => revision.startsWith(wanted));
  if (found === undefined) throw new NarunError("REVISION_NOT_FOUND", { detail: `"${prefix}"` });
  if (others.length > 0) {
    const all = [found, ...others].map(({ revision }) => shortRevision(revision)).join(", ");
    throw new NarunError("REVISION_NOT_FOUND", { detail: `"${prefix}" may be ${all}` });
  }
  return found;
}
