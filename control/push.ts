/**
 * Makes a build live.
 *
 * I1  The files are stored before the revision, the revision before the spec: a spec never names a missing revision or file.
 * I2  The spec moves once, by a compare-and-set against the spec at the start.
 * I3  A revision that did not go live is deleted again, unless it was stored before.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Build } from "../builder/index.ts";
import {
  capabilitiesOf,
  type FunctionSpec,
  findCycle,
  isNarunError,
  NarunError,
  REGISTRY_SERVICE,
  revisionKey,
  type ServiceDescription,
  type Spec,
} from "../contracts/index.ts";
import {
  findQueueProblems,
  type KvRead,
  type Nats,
  type QueueProblem,
  removeEventConsumers,
  removeQueueConsumers,
} from "../nats/index.ts";
import { type Cleared, type ClearOptions, requireSealed } from "./cleared.ts";
import { requireFreeName } from "./free-name.ts";
import { findGateways, waitForGateways, writtenOf } from "./gateways.ts";
import { deleteNamedCopies, storeNamedCopy } from "./programs/named-copies.ts";
import {
  collectFiles,
  isLive,
  isService,
  liveSpec,
  moveSpec,
  openRegistry,
  pruneRevisions,
  type Registry,
} from "./registry.ts";
import {
  type Candidates,
  createTrialError,
  findCandidates,
  type TrialOptions,
  type TrialResult,
  tryRevision,
  type WhyUntried,
} from "./trial.ts";

/**
 * The next step of a push: a file is stored (its size in bytes), a node tries the build, or an instance of it replaces the
 * previous revision.
 */
export type PushProgress =
  | { step: "upload"; file: "bundle" | "sourceMap" | "descriptors"; bytes: number }
  | { step: "trial"; node: string }
  | { step: "replace" };

export interface PushOptions extends ClearOptions {
  /** Called when its spec stands. Gateways may not have read it yet. */
  onLive?: () => void;
  /** Ends the push between two steps and during the trial. Nothing goes live afterwards. */
  signal?: AbortSignal;
  onProgress?: (progress: PushProgress) => void;
}

/** The outcome of a push. */
export interface PushResult {
  name: string;
  revision: string;
  /** The same revision was live before. Nothing changed, except that damaged files were stored anew. */
  unchanged: boolean;
  /** A node evaluated it during this push. False together with `unchanged: false`: no node was available. */
  tried: boolean;
  /**
   * Every gateway answers the next request with it. False: on a gateway the previous revision still answered when the push
   * stopped waiting.
   */
  answering: boolean;
  /** Set if the push changed something and no node tried it. */
  whyUntried?: WhyUntried;
  /** Service bindings whose service has no spec. Their calls fail unless another program answers under that name. */
  missingServices: { binding: string; service: string }[];
  /** Places that the revision before sealed, and this one does not: `allowClear` let it. Absent: none. */
  cleared?: Cleared[];
  /** Streams of `consume` that are missing, or have another owner's consumer. Nodes look for them again and again. */
  queueProblems: QueueProblem[];
}

/**
 * Stores the missing files, has a node try the build, and makes it live. Errors: TRIAL_FAILED with `fields.node`, `reason`
 * and the source-mapped `stack`, and the old revision stays live; CLEAR_REFUSED; PUSH_CONFLICT, if another push moved the function
 * meanwhile or a service has its name; NAME_TAKEN, where a service that was not deployed answers for it; NATS_UNREACHABLE.
 */
export async function pushBuild(nats: Nats, build: Build, options: PushOptions = {}): Promise<PushResult> {
  const { manifest, revision, config } = build;
  const { name } = config;
  // A look after them may fail where the write that it follows stands.
  const finding = findGateways(nats).catch(() => []);
  const registry = await openRegistry(nats);
  const base = await registry.specs.get(name);
  if (isService(base)) {
    throw new NarunError("NAME_TAKEN", { detail: `${name} is a service that narun did not build`, name });
  }
  const [missingServices, queueProblems] = await Promise.all([
    findMissingServices(registry, build),
    findQueueProblems(nats, name, config.consume ?? []),
    // A name with a spec is the function's, whatever else answers.
    base?.ok === true ? undefined : requireFreeName(nats, name),
  ]);
  const doubts = { missingServices, queueProblems };
  if (isLive(base, manifest, revision) && !lacksDescription(liveSpec(base), build)) {
    options.onLive?.();
    const live = writtenOf(manifest, base?.revision ?? 0);
    const looking = finding.then((known) => waitForGateways(nats, live, { known, isPatient: false }));
    const [answering] = await Promise.all([looking, repair(registry, build)]);
    return { name, revision, unchanged: true, tried: false, answering, ...doubts };
  }

  options.signal?.throwIfAborted();
  // While the files are stored. Where the look fails the trial looks again.
  const candidates = findCandidates(nats, build.config).catch(() => undefined);
  await upload(registry, build, options);
  const key = revisionKey(name, revision);
  const isNew = (await registry.revisions.create(key, manifest)) !== undefined;
  try {
    const tried = await tryBuild(nats, registry, build, { ...options, candidates });
    options.signal?.throwIfAborted();
    // A repeated push makes an old revision the newest, so that a rollback goes to the revision that was live before.
    if (!isNew) await registry.revisions.put(key, manifest);
    await storeNamedCopy(nats, manifest, { revision, bytes: build.bundle });
    const description = descriptionOf(tried);
    const next = { config, description, isTried: tried.outcome === "ok" };
    const cleared = requireSealed(liveSpec(base), next, options);
    await refuseCycle(registry, name, description);
    const written = await moveSpec(registry, base, manifest, revision, description);
    // The revision is live. The next push removes and prunes again after a failure here.
    options.onLive?.();
    const removing = removeConsumers(nats, base, build, tried).catch(() => undefined);
    const pruning = pruneRevisions(registry, name, revision)
      .then(async (old) => {
        if (manifest.program !== undefined && old.length > 0) await deleteNamedCopies(nats, name, old);
      })
      .catch(() => undefined);
    const answering = await waitForGateways(nats, writtenOf(manifest, written), {
      signal: options.signal,
      known: await finding,
      onReplacing: () => options.onProgress?.({ step: "replace" }),
    });
    await removing;
    // It may go on behind the push, which an election of its streams does not make late.
    await Promise.race([pruning, sleep(PRUNE_MS, undefined, { ref: false })]);
    const told = { ...doubts, ...(cleared.length === 0 ? {} : { cleared }) };
    const result = { name, revision, unchanged: false, answering, ...told };
    return tried.outcome === "ok"
      ? { ...result, tried: true }
      : { ...result, tried: false, whyUntried: tried.why };
  } catch (error) {
    // The first error is reported, also if the deletion fails too. The next removal deletes the rest.
    if (isNew) await discard(registry, build).catch(() => undefined);
    throw error;
  }
}

/** How long a push that is live waits until old revisions are gone. */
const PRUNE_MS = 1_000;

/** The bundle of a service has it (functions/sdk/service/service.ts); that of another function has it by chance at most. */
const SERVICE_MARK = "~service";

/** Codes of a failed trial that blame the store and not the function. */
const STORAGE_DAMAGE = new Set(["DIGEST_MISMATCH", "OBJECT_NOT_FOUND"]);

async function tryBuild(
  nats: Nats,
  registry: Registry,
  build: Build,
  options: PushOptions & { candidates: Promise<Candidates | undefined> },
): Promise<Exclude<TrialResult, { outcome: "failed" }>> {
  const { signal, onProgress } = options;
  const candidates = await options.candidates;
  const trial = { function: build.config.name, revision: build.revision, mode: build.config.mode };
  const onNode = (node: string) => onProgress?.({ step: "trial", node });
  const trialOptions: TrialOptions = { signal, onNode, candidates };
  let result = await tryRevision(nats, trial, trialOptions);
  if (result.outcome === "failed" && STORAGE_DAMAGE.has(result.code)) {
    await upload(registry, build, { ...options, replace: true });
    result = await tryRevision(nats, trial, trialOptions);
  }
  if (result.outcome === "failed") throw createTrialError(result);
  return result;
}

/** Error: REQUIRES_CYCLE. */
async function refuseCycle(
  { specs }: Registry,
  name: string,
  description: ServiceDescription | undefined,
): Promise<void> {
  if (description === undefined || description.requires.length === 0) return;
  const requires = new Map(
    (await specs.list()).map((read) => [read.key, liveSpec(read)?.interface?.requires ?? []] as const),
  );
  const cycle = findCycle(requires.set(name, description.requires), name);
  if (cycle !== undefined) throw new NarunError("REQUIRES_CYCLE", { detail: cycle.join(" → "), cycle });
}

/** A service that no node could try when it was pushed: this push tries it, so that it is known by its actions. */
function lacksDescription(live: FunctionSpec | undefined, { bundle, config }: Build): boolean {
  return (
    config.mode !== "exec" && live?.interface === undefined && Buffer.from(bundle).includes(SERVICE_MARK)
  );
}

/**
 * Deletes the consumers of queues and event handlers that the function no longer has. Nodes delete the consumers that they read: none
 * may run, and the next one looks only at what the spec names. Without a trial the event handlers are unknown: all keep their places.
 */
async function removeConsumers(
  nats: Nats,
  base: KvRead<Spec> | undefined,
  { config }: Build,
  tried: TrialResult,
): Promise<void> {
  await removeQueueConsumers(nats, config.name, liveSpec(base)?.consume ?? [], config.consume ?? []);
  if (tried.outcome === "ok") await removeEventConsumers(nats, config.name, descriptionOf(tried)?.events);
}

function descriptionOf(tried: TrialResult): ServiceDescription | undefined {
  return tried.outcome === "ok" ? tried.interface : undefined;
}

/** A missing spec is no error: the service may be pushed later, or be another program. */
async function findMissingServices(
  { specs }: Registry,
  { config }: Build,
): Promise<PushResult["missingServices"]> {
  const bound = capabilitiesOf(config).flatMap((one) =>
    one.kind === "service" && one.service !== config.name && one.service !== REGISTRY_SERVICE
      ? [{ binding: one.name, service: one.service }]
      : [],
  );
  const reads = await Promise.all(bound.map(({ service }) => specs.get(service)));
  return bound.filter((_, index) => reads[index] === undefined);
}

async function upload(
  { binaries }: Registry,
  build: Build,
  { replace = false, signal, onProgress }: PushOptions & { replace?: boolean },
): Promise<void> {
  signal?.throwIfAborted();
  const files = filesOf(build);
  const stored = await Promise.all(files.map(({ sha256 }) => !replace && binaries.has(sha256)));
  const missing = files.filter((_, index) => stored[index] !== true);
  signal?.throwIfAborted();
  for (const { file, bytes } of missing) onProgress?.({ step: "upload", file, bytes: bytes.byteLength });
  // They were looked for just now: no second look.
  await Promise.all(missing.map(({ sha256, bytes }) => binaries.put(sha256, bytes, { replace: true })));
}

/** Reads the live files back and stores lost or damaged ones anew. The advice for both faults is to push again. */
async function repair({ binaries, revisions }: Registry, build: Build): Promise<void> {
  const repairFile = async ({ sha256, bytes }: { sha256: string; bytes: Uint8Array }) => {
    try {
      await binaries.get(sha256);
    } catch (error) {
      if (!isNarunError(error) || !STORAGE_DAMAGE.has(error.code)) throw error;
      await binaries.put(sha256, bytes, { replace: true });
    }
  };
  const key = revisionKey(build.config.name, build.revision);
  const [stored] = await Promise.all([revisions.get(key), ...filesOf(build).map(repairFile)]);
  if (stored === undefined) await revisions.create(key, build.manifest);
}

async function discard(registry: Registry, { config, revision, manifest }: Build): Promise<void> {
  const live = liveSpec(await registry.specs.get(config.name));
  if (live?.revision === revision) return;
  await registry.revisions.delete(revisionKey(config.name, revision));
  await collectFiles(registry, [manifest]);
}

interface BuildFile {
  file: "bundle" | "sourceMap" | "descriptors";
  sha256: string;
  bytes: Uint8Array;
}

function filesOf({ manifest, bundle, sourceMap, descriptors }: Build): BuildFile[] {
  const files: BuildFile[] = [
    { file: "bundle", sha256: manifest.bundle.sha256, bytes: bundle },
    { file: "sourceMap", sha256: manifest.sourceMap.sha256, bytes: sourceMap },
  ];
  if (descriptors === undefined || manifest.descriptors === undefined) return files;
  return [...files, { file: "descriptors", sha256: manifest.descriptors.sha256, bytes: descriptors }];
}
