import os from "node:os";
import {
  type Heartbeat,
  heartbeat,
  isNarunError,
  type NarunError,
  type NodeState,
  stores,
  subjects,
} from "../../contracts/index.ts";
import { type ClaimingState, claimNode, type Nats, type NodeClaim, type TypedKv } from "../../nats/index.ts";
import type { LocalInstance } from "./instance-table.ts";

/** How a node shows that it is there: a fast heartbeat for gateways and peers, a slow one in the store for people and old tools. */
export interface Presence {
  /** Writes the entry in the store soon, as something in it has changed. */
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
  maxInstances: number;
  instances(): LocalInstance[];
  problems(): NodeState["problems"];
  onError(error: unknown): void;
  /** Another runner has taken the node's name, as this one was not heard of for a while. */
  onTaken(error: NarunError): void;
}

/** Changes come in bursts: one write says them all. */
const TOUCH_DELAY_MS = 100;

const MODES_HERE = ["isolate"] as const;
/** Go's names of operating systems and processors, where they differ from Node's. */
const GO_OS: Record<string, string> = { win32: "windows" };
const GO_ARCH: Record<string, string> = { x64: "amd64", ia32: "386" };

/** Takes the node's name. Until its presence starts nobody asks this node for anything. Error: USAGE, where another runner has it. */
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
  const { nats, maxInstances, instances } = options;
  const { claim, facts } = options.name;
  const { node_id: node, epoch, labels } = facts;
  let status: Heartbeat["state"] = "running";
  let isTaken = false;

  const beat = () => {
    const message: Heartbeat = {
      node,
      state: status,
      epoch,
      modes: [...MODES_HERE],
      freeInstances: Math.max(0, maxInstances - instances().length),
      labels,
    };
    // The name's new holder would be taken for dead.
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
      capacity: { maxInstances, modes: [...MODES_HERE] },
    });
  };
  const onError = (error: unknown) => {
    if (!isNarunError(error) || error.code !== "USAGE") return options.onError(error);
    if (isTaken) return;
    isTaken = true;
    options.onTaken(error);
  };
  const write = () => writeState().catch(onError);

  // First of all, and before this function waits for anything: instances that are announced before their node's epoch
  // is known would be taken for those of the runner's life before.
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
