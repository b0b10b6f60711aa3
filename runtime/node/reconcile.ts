import type { Logger } from "pino";
import { heartbeat, rankNodes } from "../../contracts/index.ts";
import type { LiveNodes, Nats } from "../../nats/index.ts";
import { decideActions, decideShare } from "./decide-actions.ts";
import type { DesiredFunction, DesiredState } from "./desired-state.ts";
import type { InstanceTable } from "./instance-table.ts";
import { KeptOrder } from "./kept-order.ts";
import type { LocalInstance } from "./local-instance.ts";
import type { Modes } from "./modes.ts";
import { StartRetries } from "./start-retries.ts";
import { releaseUnusedHosts } from "./unused-hosts.ts";

export interface ReconcilerOptions {
  nats: Nats;
  log: Logger;
  node: string;
  desired: DesiredState;
  instances: InstanceTable;
  modes: Modes;
  nodes: LiveNodes;
}

/** How long after its start a node has heard every other one: each sends a heartbeat a second. */
const ALL_NODES_HEARD_MS = heartbeat.intervalMs * 1.2;

/** Brings the instances of a node to its desired state: looks, decides (decide-actions.ts), acts. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #touched = new Set<string>();
  readonly #order: KeptOrder;
  readonly #retries = new StartRetries((name) => this.touch(name));
  readonly #heardNodes: NodeJS.Timeout;
  /** Two new nodes that have not heard each other would each take the whole of `scale.min`. */
  #hasHeardNodes = false;
  #isClosed = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    const { nats, log, desired, instances } = options;
    this.#order = new KeptOrder({
      ...{ nats, log, touch: (name) => this.touch(name) },
      requiresOf: (name) => desired.get(name)?.spec.interface?.requires ?? [],
      runsHere: (name) => instances.of(name).some(({ phase }) => phase === "ready"),
    });
    this.#heardNodes = setTimeout(() => {
      this.#hasHeardNodes = true;
      this.touchAll();
    }, ALL_NODES_HEARD_MS);
  }

  /** Looks at one function again, soon. */
  touch(name: string): void {
    if (this.#touched.size === 0) queueMicrotask(() => this.#run());
    this.#touched.add(name);
  }

  touchAll(): void {
    for (const name of this.#options.desired.names()) this.touch(name);
  }

  /** An instance that was ready has died: the next one comes after a pause, where one is kept at all. */
  crashed(name: string, generation: string): void {
    if (!this.#isClosed) this.#retries.begin(name, generation);
  }

  /** Whether an instance is beyond the number that this node keeps of its function while no request comes. */
  isSpare(instance: LocalInstance): boolean {
    const { instances, desired } = this.#options;
    const kept = instances.of(instance.function).filter(({ phase }) => phase === "ready");
    return kept.length > this.#shareOf(desired.get(instance.function));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#heardNodes);
    this.#retries.close();
    this.#order.close();
  }

  #run(): void {
    const names = [...this.#touched];
    this.#touched.clear();
    if (this.#isClosed) return;
    for (const name of names) this.#reconcile(name);
    releaseUnusedHosts(this.#options);
  }

  #reconcile(name: string): void {
    const { instances, modes } = this.#options;
    const wanted = this.#wantedHere(name);
    const desired = wanted && {
      generation: wanted.generation,
      group: modes.groupOf(wanted.spec),
      share: this.#shareOf(wanted),
      most: this.#mostOf(wanted),
      isPaused: wanted.spec.paused !== undefined,
    };
    const actions = decideActions({ desired, instances: instances.of(name) });
    for (const { id, reason } of actions.drain) instances.drain(id, reason);
    this.#order.changed(name);
    if (actions.start === 0) this.#order.forget(name);
    if (wanted === undefined) this.#retries.forget(name);
    else if (!this.#retries.isPausing(name, wanted.generation) && this.#mayStart(name, actions.start))
      this.#start(wanted, actions.start);
  }

  #mayStart(name: string, count: number): boolean {
    const isBeside = this.#options.instances.of(name).some(({ phase }) => phase !== "draining");
    return count === 0 || isBeside || this.#order.mayStart(name);
  }

  #start({ spec, generation }: DesiredFunction, count: number): void {
    for (let started = 0; started < count; started++) {
      const restarts = this.#retries.countOf(spec.name, generation);
      const { outcome } = this.#options.instances.start(spec, generation, restarts);
      // A start that succeeds leaves the pauses as they are: an instance that dies at once must not be started without end.
      void outcome.then(({ ok }) => {
        if (!ok) this.crashed(spec.name, generation);
      });
    }
  }

  /** The function, where this node offers its mode. */
  #wantedHere(name: string): DesiredFunction | undefined {
    const { desired, modes } = this.#options;
    const wanted = desired.get(name);
    return wanted !== undefined && modes.has(wanted.spec.mode) ? wanted : undefined;
  }

  #shareOf(wanted: DesiredFunction | undefined): number {
    if (wanted === undefined) return 0;
    const { node } = this.#options;
    const { name, scale, nodes: targets } = wanted.spec;
    if (targets !== undefined) return targets.find((target) => target.name === node)?.replicas ?? 0;
    if (!this.#hasHeardNodes) return 0;
    const share = decideShare(scale.min, this.#rankingOf(wanted), node);
    return this.#order.isAwaited(name) ? Math.max(1, share) : share;
  }

  /** A push that lowers `scale.max` replaces fewer instances than there were: none is left for gateways to leave out. */
  #mostOf({ spec }: DesiredFunction): number {
    if (spec.nodes !== undefined || !this.#hasHeardNodes) return Number.POSITIVE_INFINITY;
    const ranking = this.#rankingOf({ spec });
    // A node beyond that number may have the only instance.
    return Math.max(1, decideShare(spec.scale.max, ranking, this.#options.node));
  }

  #rankingOf({ spec: { name, mode } }: Pick<DesiredFunction, "spec">): readonly { node: string }[] {
    const able = this.#options.nodes
      .live()
      .filter(({ state, modes }) => state === "running" && modes.includes(mode));
    return rankNodes(name, able);
  }
}
