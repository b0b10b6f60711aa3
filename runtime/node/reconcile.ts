import { heartbeat, rankNodes } from "../../contracts/index.ts";
import { type Backoff, createBackoff } from "../../machine/index.ts";
import type { LiveNodes } from "../../nats/index.ts";
import { decideActions, decideShare } from "./decide-actions.ts";
import type { DesiredState } from "./desired-state.ts";
import type { InstanceTable, LocalInstance } from "./instance-table.ts";
import type { Suspects } from "./suspects.ts";

export interface Reconciler {
  /** Looks at one function again, soon. */
  touch(name: string): void;
  touchAll(): void;
  /** An instance that was ready has died: the next one comes after a pause, where one is kept at all. */
  crashed(name: string, generation: string): void;
  /** Whether an instance is beyond what this node keeps of its function while nobody calls. */
  isSpare(instance: LocalInstance): boolean;
  close(): void;
}

export interface ReconcilerOptions {
  node: string;
  desired: DesiredState;
  instances: InstanceTable;
  groupOf: Suspects["groupOf"];
  nodes: LiveNodes;
}

/** Every node says that it is there once a second. */
const ALL_NODES_HEARD_MS = heartbeat.intervalMs * 1.2;

/** Brings what runs to what should run: looks, decides (decide-actions.ts), acts. Failed starts are tried again with growing pauses. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createReconciler({
  node,
  desired,
  instances,
  groupOf,
  nodes,
}: ReconcilerOptions): Reconciler {
  const touched = new Set<string>();
  const retries = new Map<
    string,
    { generation: string; backoff: Backoff; timer: NodeJS.Timeout | undefined }
  >();
  let isScheduled = false;
  let isClosed = false;
  // Before every node was heard once, each of two new ones would take the whole of `scale.min` for its own.
  let hasHeardNodes = false;
  const heardNodes = setTimeout(() => {
    hasHeardNodes = true;
    touchAll();
  }, ALL_NODES_HEARD_MS);

  const run = () => {
    isScheduled = false;
    if (isClosed) return;
    const names = [...touched];
    touched.clear();
    for (const name of names) reconcile(name);
  };
  const touch = (name: string) => {
    touched.add(name);
    if (isScheduled) return;
    isScheduled = true;
    queueMicrotask(run);
  };

  const touchAll = () => {
    for (const name of desired.names()) touch(name);
  };

  const running = () => nodes.live().filter(({ state }) => state === "running");
  const shareOf = (name: string): number => {
    const wanted = desired.get(name);
    return wanted === undefined || !hasHeardNodes
      ? 0
      : decideShare(wanted.spec.scale.min, rankNodes(name, running()), node);
  };

  const reconcile = (name: string) => {
    const wanted = desired.get(name);
    const share = shareOf(name);
    const actions = decideActions({
      desired: wanted && { generation: wanted.generation, group: groupOf(wanted.spec.trust, name), share },
      instances: instances.of(name),
    });
    for (const { id, reason } of actions.drain) instances.drain(id, reason);
    if (wanted === undefined) {
      clearTimeout(retries.get(name)?.timer);
      retries.delete(name);
      return;
    }
    if (retries.get(name)?.timer !== undefined && retries.get(name)?.generation === wanted.generation) return;
    for (let count = 0; count < actions.start; count++) {
      const { outcome } = instances.start(wanted.spec, wanted.generation);
      // After a start that went well the pauses stay: one that dies at once must not be started without end.
      void outcome.then(({ ok }) => {
        if (!ok) retryLater(name, wanted.generation);
      });
    }
  };

  const retryLater = (name: string, generation: string) => {
    if (isClosed) return;
    const known = retries.get(name);
    if (known?.timer !== undefined && known.generation === generation) return;
    clearTimeout(known?.timer);
    const backoff =
      known?.generation === generation
        ? known.backoff
        : createBackoff({ firstMs: 500, maxMs: 60_000, forgetAfterMs: 600_000 });
    const entry: { generation: string; backoff: Backoff; timer: NodeJS.Timeout | undefined } = {
      generation,
      backoff,
      timer: undefined,
    };
    entry.timer = setTimeout(() => {
      entry.timer = undefined;
      touch(name);
    }, 250 + backoff.fail(Date.now()));
    retries.set(name, entry);
  };

  return {
    touch,
    touchAll,
    crashed: retryLater,
    isSpare(instance) {
      const kept = instances.of(instance.function).filter(({ phase }) => phase === "ready");
      return kept.length > shareOf(instance.function);
    },
    close() {
      isClosed = true;
      clearTimeout(heardNodes);
      for (const { timer } of retries.values()) clearTimeout(timer);
      retries.clear();
    },
  };
}
