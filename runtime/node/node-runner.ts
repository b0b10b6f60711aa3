/**
 * The node-runner: desired state in, running instances out.
 *
 * It shuts down in this order, so that nothing is lost:
 *   1. it says that it is stopping: gateways send their demands elsewhere;
 *   2. it takes no demands, trials or changes of the desired state any more;
 *   3. its hosts drain every instance: unsubscribe, finish what was taken;
 *   4. the hosts end, its entry in the store goes.
 */
import { join } from "node:path";
import type { Logger } from "pino";
import { type Ceiling, isNarunError, METADATA_ADDRESSES, type NarunError } from "../../contracts/index.ts";
import type { Backoff } from "../../machine/index.ts";
import {
  ensureLogHistory,
  followNodes,
  type Nats,
  openBinaries,
  openNodeStates,
  openRevisions,
  openSpecs,
  type SecretsKey,
} from "../../nats/index.ts";
import type { SandboxChoice } from "../isolate/bubblewrap.ts";
import { loadHostProgram } from "../isolate/image/host-program.ts";
import { loadSnapshot } from "../isolate/image/snapshot.ts";
import { type InspectorServer, startInspectorServer } from "../isolate/inspector/inspector-server.ts";
import { hostBackoff, startIsolateHost } from "../isolate/isolate-host.ts";
import { resolveSandbox } from "../isolate/resolve-sandbox.ts";
import { openBundleCache } from "./bundle-cache.ts";
import { answerDemands } from "./demands.ts";
import { followDesiredState } from "./desired-state.ts";
import { createFunctionSecrets } from "./function-secrets.ts";
import { type HostLogin, hostLogin } from "./host-login.ts";
import { createHosts } from "./hosts.ts";
import { createInstanceTable, type InstanceTable } from "./instance-table.ts";
import { keepPurgingLeftovers } from "./leftovers.ts";
import { claimName, type Presence, startPresence } from "./presence.ts";
import { createReconciler, type Reconciler } from "./reconcile.ts";
import { createRevisions } from "./revisions.ts";
import { createStatusPublisher } from "./status.ts";
import { createSuspects } from "./suspects.ts";
import { answerTrials } from "./trials.ts";

export interface NodeRunnerOptions {
  /** The runner's own connection; who made it closes it. */
  nats: Nats;
  /** How the hosts connect. */
  hostNats: HostLogin;
  /** Single subject token, unique in the system. */
  node: string;
  /** narun's version, shown in `narun nodes`. */
  version: string;
  /** Where bundles, the platform's snapshot and the hosts' program are kept. */
  cacheDir: string;
  labels?: Record<string, string>;
  /** The master key of secrets; without it functions that have secrets do not start here. */
  secretsKey?: SecretsKey | undefined;
  /** Default 500. */
  maxInstances?: number;
  /** What no function may reach, whatever its `egress` says: rules of egress. Default: the metadata services of clouds. */
  egressDeny?: readonly string[];
  /** What a function may have at most, whatever its `limits` say. Default: nothing is bounded. */
  ceiling?: Ceiling;
  /** Whether host processes run in bubblewrap: default `auto`, where it works. */
  sandbox?: SandboxChoice;
  /** The memory of a host process that is replaced in order, besides what its functions may have. Default 1,024. */
  hostMemoryMb?: number;
  /** How long a draining instance may finish what it took. Default 30 s, the default of `limits.timeoutMs`. */
  drainGraceMs?: number;
  /**
   * Whether an instance that is replaced closes its WebSockets at once, as their clients would go on with old code. Default:
   * they have as long as everything else.
   */
  closesReplacedSockets?: boolean;
  /** Where debuggers may attach, and the functions' folders by their names, in which they look for sources. Default: nowhere. */
  inspect?: { host: string; port: number; folders: ReadonlyMap<string, string> };
  log: Logger;
}

export interface NodeRunner {
  readonly node: string;
  /** Where debuggers may attach: `HOST:PORT`. */
  readonly inspectAddress: string | undefined;
  /** Resolves when another runner has taken the node's name, with an error that names it: this one has to end. */
  readonly taken: Promise<NarunError>;
  /** Drains everything, in the order above. */
  drain(options?: { graceMs?: number }): Promise<void>;
}

const DEFAULT_MAX_INSTANCES = 500;
const DEFAULT_GRACE_MS = 30_000;
const DEFAULT_HOST_MEMORY_MB = 1_024;

/** Starts a node-runner. Errors: USAGE, where another runner has the same node name. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export async function startNodeRunner(options: NodeRunnerOptions): Promise<NodeRunner> {
  const { nats, node, cacheDir, log, labels = {}, maxInstances = DEFAULT_MAX_INSTANCES } = options;
  const graceMs = options.drainGraceMs ?? DEFAULT_GRACE_MS;
  const ending = new AbortController();
  const { ceiling = {} } = options;
  const [sandbox, snapshot, program, specs, manifests, states, binaries] = await Promise.all([
    resolveSandbox(options.sandbox ?? "auto", ceiling),
    loadSnapshot(cacheDir),
    loadHostProgram(cacheDir),
    openSpecs(nats),
    openRevisions(nats),
    openNodeStates(nats),
    openBinaries(nats),
    ensureLogHistory(nats),
  ]);
  const cache = await openBundleCache({ folder: join(cacheDir, "bundles"), store: binaries });
  const revisions = createRevisions(manifests, cache);
  const name = await claimName({ nats, states, node, version: options.version, labels });
  const functionSecrets = createFunctionSecrets(nats, node, options.secretsKey);

  // The parts know each other: what happens in one is looked at by the reconciler, once that is there.
  const publisher = createStatusPublisher(nats, node);
  const parts: { reconciler?: Reconciler; presence?: Presence; inspector?: InspectorServer } = {};
  const startHost = (group: string, backoff: Backoff) =>
    startIsolateHost({
      node,
      group,
      backoff,
      nats: hostLogin(options.hostNats, { group }),
      worldId: nats.world.id,
      transport: nats.transport,
      sandbox,
      maxMemoryMb: options.hostMemoryMb ?? DEFAULT_HOST_MEMORY_MB,
      snapshot,
      program,
      egressDeny: options.egressDeny ?? METADATA_ADDRESSES,
      isInspected: options.inspect !== undefined,
      log,
      events: {
        onIdle: (id) => drainIfSpare(id),
        onFull: (id) => instances.drain(id, "replaced"),
        onCondemned: (id) => instances.condemned(id),
        onGone: (id, reason, code) => instances.gone(id, reason, code),
        onGuilty: (name, reason) => suspects.blame(group, name, reason),
        onDied: (functions) => suspects.died(group, functions),
        onInspected: (id, message) => parts.inspector?.receive(id, message),
        sourceMapOf: (revision) => revisions.sourceMap(revision),
      },
    });
  const hosts = createHosts({ start: startHost, createBackoff: hostBackoff });
  const touchAll = () => parts.reconciler?.touchAll();
  const suspects = createSuspects({
    desired: (name) => desired.get(name),
    onMoved: touchAll,
    publisher,
    log,
  });
  const instances: InstanceTable = createInstanceTable({
    node,
    graceMs,
    closesReplacedSockets: options.closesReplacedSockets ?? false,
    ceiling,
    hosts: () => hosts,
    groupOf: suspects.groupOf,
    revisions,
    functionSecrets,
    publisher,
    onChange: (name) => {
      parts.reconciler?.touch(name);
      parts.presence?.touch();
      parts.inspector?.refresh();
    },
    onCrash: (name, generation) => parts.reconciler?.crashed(name, generation),
  });
  const groupOf = (id: string) => instances.all().find((one) => one.id === id)?.group ?? "";
  if (options.inspect !== undefined) {
    parts.inspector = await startInspectorServer({
      ...options.inspect,
      instances: () => instances.all().filter(({ phase }) => phase === "ready"),
      send: (id, message) => hosts.find(groupOf(id))?.inspect(id, message),
      sourceMapOf: (revision) => revisions.sourceMap(revision),
    });
  }
  const drainIfSpare = (id: string) => {
    const instance = instances.all().find((candidate) => candidate.id === id);
    if (instance !== undefined && parts.reconciler?.isSpare(instance)) instances.drain(id, "idle");
  };
  const taken = Promise.withResolvers<NarunError>();
  const nodes = followNodes({ nats, onAppeared: touchAll, onLost: touchAll });
  const desired = await followDesiredState({
    specs,
    log,
    signal: ending.signal,
    onChange: (name, generation) => {
      instances.forgive(name, generation);
      if (suspects.forgive(name, generation)) hosts.forgive(name);
      parts.reconciler?.touch(name);
    },
  });
  const reconciler = createReconciler({ node, desired, instances, groupOf: suspects.groupOf, nodes });
  parts.reconciler = reconciler;
  const beating = startPresence({
    nats,
    name,
    maxInstances,
    instances: instances.all,
    problems: instances.problems,
    onError: (error) =>
      log.warn({ error: isNarunError(error) ? error.code : String(error) }, "node state not written"),
    onTaken: taken.resolve,
  });
  const subscriptions = [
    answerDemands({ nats, node, maxInstances, desired, instances }),
    answerTrials({
      nats,
      node,
      hosts,
      groupOf: suspects.groupOf,
      revisions,
      functionSecrets,
      cache,
      releaseUnused: instances.releaseUnused,
      ceiling,
    }),
  ];
  await nats.confirm();
  const presence = await beating;
  parts.presence = presence;
  reconciler.touchAll();
  void keepPurgingLeftovers({ nats, desired, log, signal: ending.signal });
  log.info({ node }, "node-runner ready");

  return {
    node,
    inspectAddress: parts.inspector?.address,
    taken: taken.promise,
    async drain({ graceMs: askedMs } = {}) {
      await presence.stopping(); // 1
      ending.abort(); // 2
      reconciler.close();
      for (const subscription of subscriptions) subscription.unsubscribe();
      nodes.close();
      suspects.close();
      await parts.inspector?.close();
      await hosts.close({ graceMs: askedMs ?? graceMs }); // 3
      await presence.close(); // 4
      log.info({ node }, "node-runner stopped");
    },
  };
}
