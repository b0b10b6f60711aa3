/**
 * The node-runner: desired state in, running instances out.
 *
 * It shuts down in this order, so that no request is lost:
 *   1. it announces that it stops: gateways send their demands elsewhere;
 *   2. it takes no more demands, trials and changes of the desired state;
 *   3. the services that require others drain (stop-order.ts);
 *   4. its hosts drain every instance and end;
 *   5. its entry in the store goes.
 */
import { join } from "node:path";
import type { Logger } from "pino";
import {
  type Ceiling,
  type FunctionSpec,
  isNarunError,
  METADATA_ADDRESSES,
  type Mode,
  type NarunError,
} from "../../contracts/index.ts";
import { createNodeKeys, type KeyFolder, type NodeKeys } from "../../keys/index.ts";
import type { Address } from "../../machine/index.ts";
import {
  ensureLogHistory,
  followNodes,
  keepCopies,
  type LiveNodes,
  type Nats,
  openBinaries,
  openNodeStates,
  openRevisions,
  openSpecs,
  type RoleKey,
  type SecretsKey,
  type Subscription,
} from "../../nats/index.ts";
import type { SpanSink } from "../../traces/index.ts";
import { createCallees, type NodeNews } from "../calls/callee.ts";
import type { HostLogin } from "../host.ts";
import { type BundleCache, openBundleCache } from "./bundle-cache.ts";
import { answerDemands } from "./demands.ts";
import { createDependencies } from "./dependencies.ts";
import { createDesiredState, type DesiredState } from "./desired-state.ts";
import { openFileCache } from "./file-cache.ts";
import { createFunctionSecrets, type FunctionSecrets } from "./function-secrets.ts";
import { hostLogin } from "./host-login.ts";
import { InstanceTable } from "./instance-table.ts";
import { keepPurgingLeftovers } from "./leftovers.ts";
import { discoverTargets } from "./metrics/discovery.ts";
import type { Metric } from "./metrics/exposition.ts";
import { type MetricsServer, startMetricsServer } from "./metrics/metrics-server.ts";
import { NodeMetrics } from "./metrics/node-metrics.ts";
import { Modes, type StartHosts } from "./modes.ts";
import { createMountedFiles, type MountedFiles } from "./mounted-files.ts";
import { type ClaimedName, claimName, Presence } from "./presence.ts";
import { createProgramFiles, type ProgramFiles } from "./program-files.ts";
import { Reconciler } from "./reconcile.ts";
import { createRevisions, type Revisions } from "./revisions.ts";
import { createStatusPublisher, observeStatus, type StatusPublisher } from "./status.ts";
import { drainInOrder } from "./stop-order.ts";
import { answerTrials } from "./trials.ts";
import { releaseUnusedHosts } from "./unused-hosts.ts";

export interface NodeRunnerOptions {
  /** The runner's own connection. The caller closes it. */
  nats: Nats;
  /** How the hosts connect. */
  hostNats: Omit<HostLogin, "rights">;
  /** The key with which logins for hosts are made. Default: hosts log in as the node. */
  hostsKey?: (() => RoleKey) | undefined;
  /** How long a host's login lasts. Default: an hour. */
  hostLoginMs?: number | undefined;
  /** The modes that the node offers, each with the function that starts its hosts. */
  hosts: StartHosts;
  /** A function in this mode is deployed. Called again for each function and each of its changes. */
  onExpected?(mode: Mode): void;
  /** Single subject token, unique in the system. */
  node: string;
  /** narun's version, shown in `narun nodes`. */
  version: string;
  /** The folder of the cached bundles. */
  cacheDir: string;
  labels?: Record<string, string>;
  /** The master key of secrets; without it functions that have secrets do not start here. */
  secretsKey?: SecretsKey | undefined;
  /** The folder of the node's key file; without it functions that seal do not start here. */
  keys?: KeyFolder | undefined;
  /** Default 1,000: 3 GiB, where each of them has answered a request. */
  maxInstances?: number;
  /** Rules of egress that no function's own `egress` overrides. Default: the metadata services of clouds are refused. */
  egressDeny?: readonly string[];
  /** Upper bounds of the functions' `limits`. Default: none. */
  ceiling?: Ceiling;
  /** How long a draining instance may finish its requests. Default 30 s, the default of `limits.timeoutMs`. */
  drainGraceMs?: number;
  /**
   * Whether an instance that is replaced closes its WebSockets at once, as their clients would go on with old code. Default:
   * they end with the grace.
   */
  closesReplacedSockets?: boolean;
  /** The address of `/metrics` and `/discovery`. Default: none. */
  metrics?: Address;
  /** Hears of each change of a function that is to run: its spec, or undefined where it is gone. */
  onSpec?: (name: string, spec: FunctionSpec | undefined) => void;
  /** Resolves when the last instances of these functions here may drain. Default: at once. */
  beforeDrain?: (names: readonly string[]) => Promise<void>;
  /** Metrics that are shown beside the node's own. */
  moreMetrics?: () => readonly Metric[];
  /** Takes the spans of requests. Default: none are made. */
  spans?: SpanSink | undefined;
  log: Logger;
}

export interface NodeRunner {
  readonly node: string;
  /** The base URL of its metrics. */
  readonly metricsUrl: string | undefined;
  /** Resolves when another runner has taken the node's name, with an error that names it: this runner has to end. */
  readonly taken: Promise<NarunError>;
  /** Drains all instances and ends, in the order above. */
  drain(options?: { graceMs?: number }): Promise<void>;
}

/** Default of `maxInstances`. */
const DEFAULT_MAX_INSTANCES = 1_000;
/** Default of `drainGraceMs`. */
const DEFAULT_GRACE_MS = 30_000;

/** Starts a node-runner. Errors: USAGE, where another runner has the same node name. */
export async function startNodeRunner(options: NodeRunnerOptions): Promise<NodeRunner> {
  const runner = new Runner(options, await openStores(options));
  await runner.start();
  return runner;
}

/** The parts of a runner that have to be opened first. */
interface Stores {
  specs: Awaited<ReturnType<typeof openSpecs>>;
  cache: BundleCache;
  revisions: Revisions;
  functionSecrets: FunctionSecrets;
  keys: NodeKeys;
  mountedFiles: MountedFiles;
  programFiles: ProgramFiles;
  name: ClaimedName;
}

async function openStores({
  nats,
  node,
  version,
  labels = {},
  cacheDir,
  secretsKey,
  keys,
  log,
}: NodeRunnerOptions): Promise<Stores> {
  const [specs, manifests, states, binaries] = await Promise.all([
    openSpecs(nats),
    openRevisions(nats),
    openNodeStates(nats),
    openBinaries(nats),
    ensureLogHistory(nats),
  ]);
  const cache = await openBundleCache({ folder: join(cacheDir, "bundles"), store: binaries });
  const files = await openFileCache({ folder: join(cacheDir, "files") });
  return {
    specs,
    cache,
    revisions: createRevisions(manifests, cache),
    functionSecrets: createFunctionSecrets(nats, node, secretsKey),
    keys: createNodeKeys({
      nats,
      folder: keys,
      onRefused: ({ code, message }) =>
        log.error({ code, error: message }, "the directory of keys is refused"),
    }),
    mountedFiles: createMountedFiles(nats, files),
    programFiles: createProgramFiles(nats, files),
    name: await claimName({ nats, states, node, version, labels }),
  };
}

class Runner implements NodeRunner {
  readonly #options: NodeRunnerOptions;
  readonly #stores: Stores;
  readonly #graceMs: number;
  readonly #maxInstances: number;
  readonly #ceiling: Ceiling;
  readonly #taken = Promise.withResolvers<NarunError>();
  /** Aborts at step 2. */
  readonly #ending = new AbortController();
  readonly #callees = createCallees((name) => this.#placedSpec(name));
  readonly #modes: Modes;
  readonly #instances: InstanceTable;
  readonly #desired: DesiredState;
  readonly #nodes: LiveNodes;
  readonly #reconciler: Reconciler;
  readonly #presence: Presence;
  readonly #metrics: NodeMetrics;
  #metricsServer: MetricsServer | undefined;
  #subscriptions: Subscription[] = [];

  constructor(options: NodeRunnerOptions, stores: Stores) {
    this.#options = options;
    this.#stores = stores;
    this.#graceMs = options.drainGraceMs ?? DEFAULT_GRACE_MS;
    this.#maxInstances = options.maxInstances ?? DEFAULT_MAX_INSTANCES;
    this.#ceiling = options.ceiling ?? {};
    const { node, nats, log } = options;
    this.#metrics = new NodeMetrics({
      node,
      maxInstances: this.#maxInstances,
      instances: () => this.#instances.all(),
      specOf: (name) => this.#desired.get(name)?.spec,
      problems: () => this.#instances.problems(),
      ...(options.moreMetrics && { more: options.moreMetrics }),
    });
    const publisher = observeStatus(createStatusPublisher(nats, node), this.#metrics);
    this.#modes = this.#createModes(publisher);
    this.#instances = new InstanceTable({
      node,
      graceMs: this.#graceMs,
      closesReplacedSockets: options.closesReplacedSockets ?? false,
      ceiling: this.#ceiling,
      modes: this.#modes,
      revisions: stores.revisions,
      functionSecrets: stores.functionSecrets,
      keys: stores.keys,
      programFiles: stores.programFiles,
      mountedFiles: stores.mountedFiles,
      publisher,
      onChange: (name) => {
        this.#reconciler.touch(name);
        this.#presence.touch();
      },
      onMade: () => this.#presence.touch(),
      beforeDrain: options.beforeDrain,
      onCrash: (name, generation) => this.#reconciler.crashed(name, generation),
    });
    this.#desired = createDesiredState({
      specs: stores.specs,
      dependencies: createDependencies({ nats, log, onChange: () => this.#desired.reconsider() }),
      node,
      log,
      onChange: (name, generation) => this.#onDesired(name, generation),
    });
    const onNode = (name: string, news: NodeNews) => {
      this.#callees.nodeChanged(name, news);
      this.#reconciler.touchAll();
    };
    this.#nodes = followNodes({ nats, onAppeared: (name) => onNode(name, "appeared"), onLost: onNode });
    this.#reconciler = new Reconciler({
      ...{ nats, log, node },
      desired: this.#desired,
      instances: this.#instances,
      modes: this.#modes,
      nodes: this.#nodes,
    });
    this.#presence = new Presence({
      nats,
      name: stores.name,
      modes: this.#modes.names,
      maxInstances: this.#maxInstances,
      instances: () => this.#instances.all(),
      problems: () => this.#instances.problems(),
      onError: (error) =>
        log.warn({ error: isNarunError(error) ? error.code : String(error) }, "node state not written"),
      onTaken: this.#taken.resolve,
    });
  }

  #onDesired(name: string, generation: string | undefined): void {
    this.#callees.changed(name);
    this.#options.onSpec?.(name, this.#placedSpec(name));
    this.#instances.forgive(name, generation);
    this.#modes.forgive(name, generation);
    this.#reconciler.touch(name);
    const mode = this.#desired.get(name)?.spec.mode;
    if (mode !== undefined) this.#options.onExpected?.(mode);
  }

  /** A spec that narun places. A service of the original toolkit that names its nodes is always there. */
  #placedSpec(name: string): FunctionSpec | undefined {
    const spec = this.#desired.get(name)?.spec;
    return spec?.service === undefined || spec.nodes === undefined ? spec : undefined;
  }

  get node(): string {
    return this.#options.node;
  }

  get taken(): Promise<NarunError> {
    return this.#taken.promise;
  }

  get metricsUrl(): string | undefined {
    return this.#metricsServer?.url;
  }

  async start(): Promise<void> {
    const { nats, node, metrics, log } = this.#options;
    const { signal } = this.#ending;
    if (metrics !== undefined) this.#metricsServer = await this.#serveMetrics(metrics);
    await this.#desired.follow(signal);
    const showing = this.#presence.start();
    this.#subscriptions = this.#answer();
    await nats.confirm();
    await showing;
    this.#reconciler.touchAll();
    void keepPurgingLeftovers({ nats, desired: this.#desired, log, signal });
    signal.addEventListener("abort", keepCopies(nats, log), { once: true });
    log.info({ node }, "node-runner ready");
  }

  async drain({ graceMs = this.#graceMs }: { graceMs?: number } = {}): Promise<void> {
    await this.#presence.stopping(); // 1
    this.#ending.abort(); // 2
    this.#reconciler.close();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#nodes.close();
    await this.#options.beforeDrain?.([...new Set(this.#instances.all().map((one) => one.function))]);
    const endsAtMs = performance.now() + graceMs;
    await drainInOrder(this.#instances, this.#desired, AbortSignal.timeout(graceMs)); // 3
    await this.#modes.close({ graceMs: Math.max(0, endsAtMs - performance.now()) }); // 4
    await this.#presence.close(); // 5
    this.#metricsServer?.close();
    this.#options.log.info({ node: this.node }, "node-runner stopped");
  }

  #serveMetrics(address: Address): Promise<MetricsServer> {
    const { node } = this.#options;
    const specOf = (name: string) => this.#desired.get(name)?.spec;
    return startMetricsServer(address, {
      metrics: () => this.#metrics.render(),
      discovery: (host) => discoverTargets(this.#instances.all(), { node, host, specOf }),
    });
  }

  #createModes(publisher: StatusPublisher): Modes {
    const { hostsKey, hostLoginMs: lifeMs } = this.#options;
    const { node, nats, hosts, hostNats, egressDeny = METADATA_ADDRESSES, spans, log } = this.#options;
    const { revisions, keys } = this.#stores;
    return new Modes({
      hosts,
      parts: {
        node,
        worldId: nats.world.id,
        transport: nats.transport,
        egressDeny,
        sourceMapOf: (revision) => revisions.sourceMap(revision),
        keys,
        callees: this.#callees,
        requests: () => this.#metrics.requests.open(),
        spans,
        log,
      },
      loginOf: (mayCome) =>
        hostLogin(hostNats, { nats, hostsKey, lifeMs }, { deployed: () => this.#desired.functions(mayCome) }),
      events: {
        onIdle: (id) => this.#drainIfSpare(id),
        onFull: (id) => this.#instances.drain(id, "replaced"),
        onCondemned: (id) => this.#instances.onCondemned(id),
        onLeaving: (id) => this.#instances.onLeaving(id),
        onGone: (id, reason, code, facts) => this.#instances.onGone(id, reason, code, facts),
      },
      desired: (name) => this.#desired.get(name),
      onMoved: () => this.#reconciler.touchAll(),
      publisher,
    });
  }

  #answer(): Subscription[] {
    const { nats, node } = this.#options;
    const { revisions, functionSecrets, keys, mountedFiles, programFiles, cache } = this.#stores;
    const parts = { desired: this.#desired, instances: this.#instances, modes: this.#modes };
    return [
      answerDemands({ nats, node, maxInstances: this.#maxInstances, ...parts }),
      answerTrials({
        nats,
        node,
        modes: this.#modes,
        revisions,
        functionSecrets,
        keys,
        mountedFiles,
        programFiles,
        cache,
        releaseUnused: () => releaseUnusedHosts(parts),
        ceiling: this.#ceiling,
      }),
    ];
  }

  #drainIfSpare(id: string): void {
    const instance = this.#instances.get(id);
    if (instance !== undefined && this.#reconciler.isSpare(instance)) this.#instances.drain(id, "idle");
  }
}
