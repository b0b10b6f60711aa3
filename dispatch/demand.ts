/**
 * Has instances started for services whose requests are held, and looks for consumers that narun did not start.
 *
 * I1  A service has one search at a time. The search runs while the service is starving, and asks one node at a time.
 * I2  A node that is starting an instance is asked first in the next round, so that a slow start is not doubled elsewhere.
 * I3  Every round ends within `ROUND_MS`, and the next round asks again. A lost message costs one round.
 * I4  A service whose required services do not run is not started before them (requirements.ts): they are searched for instead.
 * I5  News (a node appeared, a spec changed, NATS is back) begins a new round at once.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ErrorCode,
  type FunctionSpec,
  type Heartbeat,
  messageOf,
  OF_ONE_NODE,
  rankNodes,
} from "../contracts/index.ts";
import type { LiveNodes, Nats } from "../nats/index.ts";
import { aborted } from "./aborted.ts";
import { askNode, isBroken } from "./ask-node.ts";
import type { Instances } from "./instances.ts";
import type { Log } from "./log.ts";
import { Requirements } from "./requirements.ts";

export interface DemandOptions {
  nats: Nats;
  nodes: LiveNodes;
  instances: Instances;
  specOf(service: string): FunctionSpec | undefined;
  /** Whether requests are held for a service and nothing can take them. */
  isStarving(service: string): boolean;
  /** A consumer that narun did not start answers for the service. */
  onForeign(service: string): void;
  /** No instance will start: the live revision does not start, or NATS permits this gateway no demand. */
  onBroken(service: string, code: ErrorCode): void;
  log: Log;
}

export interface Demand {
  /** Begins a search unless one is under way. It ends when the service no longer starves. */
  wake(service: string): void;
  /** A change may help: every search, or the search of one service, begins a new round now. */
  look(service?: string): void;
  /** An instance of a service is ready: services that require it may start. */
  onReady(service: string): void;
  /** The services that a service requires, and that do not run. */
  waitsFor(service: string): readonly string[];
  close(): void;
}

const ROUND_MS = 1_000;
const FIRST_PING_MS = 50;
const PING_INTERVAL_MS = 250;

interface Search {
  readonly service: string;
  /** Aborted when the search ends. */
  readonly over: AbortController;
  /** Aborted by `look` and at the end of the round. */
  round: AbortController;
  /** The node that is starting an instance (I2). */
  startingOn: string | undefined;
  /** Nodes that did not answer. They are asked last. */
  readonly silent: Set<string>;
}

export function createDemand(given: DemandOptions): Demand {
  const { log } = given;
  const searches = new Map<string, Search>();
  const requirements = new Requirements({ ...given, searched: () => searches.keys() });
  const isWanted = (service: string) => requirements.isWanted(service);
  const options: DemandOptions = {
    ...given,
    isStarving: isWanted,
    onForeign(service) {
      requirements.noteForeign(service);
      given.onForeign(service);
      lookAfter(service);
    },
  };
  let isClosed = false;

  const run = async (search: Search) => {
    const { service, over } = search;
    void pingConsumers(options, service, over.signal);
    try {
      while (isWanted(service) && !over.signal.aborted) {
        search.round = new AbortController();
        const timer = setTimeout(() => search.round.abort(), ROUND_MS);
        const missing = requirements.missingOf(service);
        for (const one of missing) wake(one);
        if (missing.length === 0) await askNodes(options, search);
        // No node is left to ask. The search waits for the end of the round, or for news.
        if (isWanted(service)) await aborted(search.round.signal);
        clearTimeout(timer);
      }
    } finally {
      over.abort();
      searches.delete(service);
    }
  };

  /** The services that waited for this one begin a new round. */
  const lookAfter = (service: string) => {
    for (const search of searches.values())
      if (given.specOf(search.service)?.interface?.requires.includes(service) === true) search.round.abort();
  };

  const wake = (service: string) => {
    if (searches.has(service) || isClosed) return;
    const search: Search = {
      service,
      over: new AbortController(),
      round: new AbortController(),
      startingOn: undefined,
      silent: new Set(),
    };
    searches.set(service, search);
    run(search).catch((error: unknown) => {
      log.error({ service, error: messageOf(error) }, "the search for a consumer failed");
    });
  };

  return {
    wake,
    onReady: lookAfter,
    waitsFor: (service) => requirements.missingOf(service),
    look(service) {
      for (const search of searches.values()) {
        if (service === undefined || search.service === service) search.round.abort();
      }
    },
    close() {
      isClosed = true;
      for (const { over, round } of searches.values()) {
        over.abort();
        round.abort();
      }
    },
  };
}

/** Asks the nodes in turn, until one has an instance, all were asked, or the round is over. */
async function askNodes(options: DemandOptions, search: Search): Promise<void> {
  const { nats, nodes, instances, specOf, isStarving, onBroken } = options;
  const { service, round } = search;
  const spec = specOf(service);
  if (spec === undefined || nats.state !== "connected") return;
  const order = decideOrder(service, spec, nodes.live(), search);
  let notPermitted = 0;
  let unable = 0;
  for (const { node } of order) {
    const reply = await askNode(options, { node, spec, signal: round.signal });
    if (reply === "not-permitted") {
      notPermitted += 1;
      continue;
    }
    if (reply === undefined) search.silent.add(node);
    else search.silent.delete(node);
    if (reply?.outcome === "starting") search.startingOn = node;
    if (round.signal.aborted || !isStarving(service)) return;

    if (reply?.outcome === "running") {
      const { instance: id, concurrency } = reply;
      const isProgram = spec.mode === "exec";
      return instances.add({ id, service, node, revision: spec.revision, concurrency, isProgram });
    }
    if (reply?.outcome === "refused" && isBroken(reply.code))
      return onBroken(service, "FUNCTION_START_FAILED");
    if (reply?.outcome === "starting") {
      const result = await instances.settled(reply.instance, service, round.signal);
      if (result === undefined || result === "ready") return;
      search.startingOn = undefined;
      if (result.reason === "failed" && !OF_ONE_NODE.has(result.code ?? ""))
        return onBroken(service, "FUNCTION_START_FAILED");
      if (result.reason === "failed") unable += 1;
    }
  }
  if (order.length > 0 && notPermitted === order.length) onBroken(service, "NATS_PERMISSIONS_VIOLATION");
  if (order.length > 0 && unable === order.length) onBroken(service, "FUNCTION_START_FAILED");
}

/**
 * The order in which nodes are asked. All gateways rank alike, so that their demands meet on one node. A gateway's own
 * observations (a start under way, no room, no answer) count before that rank. A spec may name the nodes.
 */
export function decideOrder(
  service: string,
  { mode, nodes }: Pick<FunctionSpec, "mode" | "nodes">,
  live: readonly Heartbeat[],
  seen: { startingOn: string | undefined; silent: ReadonlySet<string> },
  /** How many instances of the service a node has: nodes with fewer come first. Default: none have any. */
  countOn: (node: string) => number = () => 0,
): Heartbeat[] {
  const isTarget = (node: string) => nodes === undefined || nodes.some(({ name }) => name === node);
  const eligible = live.filter(
    ({ node, state, modes }) => state === "running" && modes.includes(mode) && isTarget(node),
  );
  const classOf = ({ node, freeInstances }: Heartbeat) => {
    if (node === seen.startingOn) return 0;
    if (seen.silent.has(node)) return 3;
    return freeInstances > 0 ? 1 : 2;
  };
  return rankNodes(service, eligible).sort(
    (a, b) => classOf(a) - classOf(b) || countOn(a.node) - countOn(b.node),
  );
}

/** Looks for consumers by `$SRV.PING`: consumers that narun did not start send no announcements. */
async function pingConsumers(
  { nats, instances, onForeign }: DemandOptions,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  let waitMs = FIRST_PING_MS;
  while (await hasWaited(waitMs, signal)) {
    waitMs = PING_INTERVAL_MS;
    if (nats.state !== "connected") continue;
    const { foreign } = await instances.discover(service);
    if (foreign && !signal.aborted) onForeign(service);
  }
}

/** Waits. False: `signal` was aborted before the time was over. */
function hasWaited(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}
