import os from "node:os";
import {
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

/** A node's signs of life: a fast heartbeat for gateways and peers, a slow one in the store for people and old tools. */
export interface Presence {
  /** Writes the entry in the store soon, after a change. */
  touch(): void;
  /** Says at once, on both ways, that the node takes nothing new. */
  stopping(): Promise<void>;
  /** Takes the node's entry out of the store. */
  close(): Promise<void>;
}

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

/** Go's names of operating systems and processors, where they differ from Node's. */
const GO_OS: Record<string, string> = { win32: "windows" };
const GO_ARCH: Record<string, string> = { x64: "amd64", ia32: "386" };

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
    os: GO_OS[process.platform] ?? process.platform,
    arch: GO_ARCH[os.arch()] ?? os.arch(),
    epoch: crypto.randomUUID(),
    host: os.hostname(),
    pid: process.pid,
    labels,
    problems: [],
  };
  return { claim: await claimNode(nats, states, facts), facts };
}

export async function startPresence(options: PresenceOptions): Promise<Presence> {
  const { nats, modes, maxInstances, instances } = options;
  const { claim, facts } = options.name;
  const { node_id: node, epoch, labels } = facts;
  let status: Heartbeat["state"] = "running";
  let isTaken = false;

  const beat = () => {
    const message: Heartbeat = {
      node,
      state: status,
      epoch,
      modes: [...modes],
      freeInstances: Math.max(0, maxInstances - instances().length),
      labels,
    };
    // A heartbeat of this runner would make others take the name's new holder for dead.
    if (!isTaken) nats.publish(subjects.heartbeat(node), JSON.stringify(message));
  };
  const writeState = async () => {
    if (isTaken) return;
    await claim.write({
      ...facts,
      last_seen: new Date().toISOString(),
      managed_instances: instances().map(({ id, function: name, revision }) => ({
        id,
        function: name,
        revision,
      })),
      status,
      problems: options.problems(),
      capacity: { maxInstances, modes: [...modes] },
    });
  };
  const onError = (error: unknown) => {
    if (!isNarunError(error) || error.code !== "USAGE") return options.onError(error);
    if (isTaken) return;
    isTaken = true;
    options.onTaken(error);
  };
  const write = () => writeState().catch(onError);

  // Before this function awaits anything: gateways would take an instance that is announced before its node's epoch is known
  // for an instance of an earlier runner.
  beat();
  const fast = setInterval(beat, heartbeat.intervalMs);
  const slow = setInterval(() => void write(), stores.nodes.heartbeatMs);
  // While NATS was away another runner may have taken the name.
  const forget = nats.onState((state) => {
    if (state === "connected") void write();
  });
  let touched: NodeJS.Timeout | undefined;
  const stop = () => {
    forget();
    clearInterval(fast);
    clearInterval(slow);
  };
  await writeState().catch((error: unknown) => {
    stop();
    throw error;
  });
  return {
    touch() {
      if (status === "shutting_down") return;
      touched ??= setTimeout(() => {
        touched = undefined;
        void write();
      }, TOUCH_DELAY_MS);
    },
    async stopping() {
      clearTimeout(touched);
      status = "shutting_down";
      beat();
      await write();
    },
    async close() {
      stop();
      await claim.release().catch(options.onError);
    },
  };
}
