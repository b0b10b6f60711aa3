import os from "node:os";
import {
  goArch,
  goOs,
  type Heartbeat,
  heartbeat,
  isNarunError,
  type Mode,
  type NarunError,
  type NodeState,
  stores,
  subjects,
} from "../../contracts/index.ts";
import { type ClaimingState, claimNode, type Nats, type NodeClaim, type TypedKv } from "../../nats/index.ts";
import type { LocalInstance } from "./local-instance.ts";

export interface ClaimOptions {
  nats: Nats;
  states: TypedKv<NodeState>;
  node: string;
  version: string;
  labels: Record<string, string>;
}

/** The node's name, and the facts of its entry that do not change. */
export interface ClaimedName {
  claim: NodeClaim;
  facts: ClaimingState;
}

export interface PresenceOptions {
  nats: Nats;
  name: ClaimedName;
  modes: readonly Mode[];
  maxInstances: number;
  instances(): LocalInstance[];
  problems(): NodeState["problems"];
  onError(error: unknown): void;
  /** Another runner has taken the node's name: this one was silent for a while. */
  onTaken(error: NarunError): void;
}

/** How long after a change the entry is written: changes come in bursts, and one write takes them all. */
const TOUCH_DELAY_MS = 100;

/** Takes the node's name. No gateway asks this node for anything before its presence starts. Error: USAGE, where another runner has the name. */
export async function claimName({ nats, states, node, version, labels }: ClaimOptions): Promise<ClaimedName> {
  const now = new Date().toISOString();
  const facts: ClaimingState = {
    node_id: node,
    last_seen: now,
    version,
    start_time: now,
    managed_instances: [],
    status: "running",
    os: goOs(process.platform),
    arch: goArch(os.arch()),
    epoch: crypto.randomUUID(),
    host: os.hostname(),
    pid: process.pid,
    labels,
    problems: [],
  };
  return { claim: await claimNode(nats, states, facts), facts };
}

/**
 * A node's signs of life: a fast heartbeat for gateways and peers, a slow one in the store for people and old tools.
 *
 *     silent ── start ──▶ running ── stopping ──▶ shutting_down ── close ──▶ silent
 *     any ── name taken by another runner ──▶ taken
 */
export class Presence {
  readonly #options: PresenceOptions;
  #phase: "silent" | "running" | "shutting_down" | "taken" = "silent";
  #touched: NodeJS.Timeout | undefined;
  /** Ends the heartbeats. */
  #stop: () => void = () => undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /**
   * Shows the node. The first heartbeat goes out before this function awaits anything: gateways would take an instance that is
   * announced before its node's epoch is known for an instance of an earlier runner.
   */
  async start(): Promise<void> {
    this.#phase = "running";
    this.#beat();
    const fast = setInterval(() => this.#beat(), heartbeat.intervalMs);
    const slow = setInterval(() => void this.#write(), stores.nodes.heartbeatMs);
    // While NATS was away another runner may have taken the name.
    const forget = this.#options.nats.onState((state) => {
      if (state === "connected") void this.#write();
    });
    this.#stop = () => {
      forget();
      clearInterval(fast);
      clearInterval(slow);
    };
    await this.#writeState().catch((error: unknown) => {
      this.#stop();
      throw error;
    });
  }

  /** Writes the entry in the store soon, after a change. */
  touch(): void {
    if (this.#phase !== "running") return;
    this.#touched ??= setTimeout(() => {
      this.#touched = undefined;
      void this.#write();
    }, TOUCH_DELAY_MS);
  }

  /** Announces at once, in both ways, that the node takes nothing new. */
  async stopping(): Promise<void> {
    clearTimeout(this.#touched);
    if (this.#phase === "running") this.#phase = "shutting_down";
    this.#beat();
    await this.#write();
  }

  /** Takes the node's entry out of the store. */
  async close(): Promise<void> {
    this.#stop();
    this.#phase = "silent";
    await this.#options.name.claim.release().catch(this.#options.onError);
  }

  /** In the phase `taken` a heartbeat would make others take the name's new holder for dead. */
  #beat(): void {
    if (this.#phase !== "running" && this.#phase !== "shutting_down") return;
    const { nats, modes, maxInstances, instances, name } = this.#options;
    const { node_id: node, epoch, labels } = name.facts;
    const message: Heartbeat = {
      node,
      state: this.#phase,
      epoch,
      modes: [...modes],
      freeInstances: Math.max(0, maxInstances - instances().length),
      labels,
    };
    nats.publish(subjects.heartbeat(node), JSON.stringify(message));
  }

  async #write(): Promise<void> {
    await this.#writeState().catch((error: unknown) => this.#onError(error));
  }

  async #writeState(): Promise<void> {
    if (this.#phase !== "running" && this.#phase !== "shutting_down") return;
    const { modes, maxInstances, instances, problems, name } = this.#options;
    await name.claim.write({
      ...name.facts,
      last_seen: new Date().toISOString(),
      managed_instances: instances().map(({ function: of, index }) => `${of}-${index}`),
      instances: instances().map(({ id, index, function: of, revision, phase }) => ({
        ...{ id, index, function: of, revision },
        ...(phase === "starting" && { isStarting: true }),
      })),
      status: this.#phase,
      problems: problems(),
      capacity: { maxInstances, modes: [...modes] },
    });
  }

  #onError(error: unknown): void {
    if (!isNarunError(error, "USAGE")) {
      this.#options.onError(error);
    } else if (this.#phase !== "taken") {
      this.#phase = "taken";
      this.#options.onTaken(error);
    }
  }
}
