import type { GoneReason } from "../../contracts/index.ts";

/** The facts of a local instance that the decision depends on. */
export interface InstanceFacts {
  id: string;
  /** The spec that it was started from. Every change of a key, the revision included, makes another generation. */
  generation: string;
  /** The group of its host (groups.ts). */
  group: string;
  phase: "starting" | "ready" | "draining";
}

export interface DecisionInput {
  /**
   * `share`: the instances that it keeps here without requests. `most`: upper bound of the instances that replace former ones here.
   * Undefined: the function was removed.
   */
  desired: { generation: string; group: string; share: number; most: number; isPaused?: boolean } | undefined;
  instances: readonly InstanceFacts[];
}

export interface Actions {
  start: number;
  drain: { id: string; reason: GoneReason }[];
}

/**
 * A node's actions for one function. New instances become ready before the old ones drain, so that an update, and a move to
 * another host, loses no request. Beyond its share of `scale.min` a function without instances stays asleep until a demand.
 */
export function decideActions({ desired, instances }: DecisionInput): Actions {
  const present = instances.filter(({ phase }) => phase !== "draining");
  if (desired === undefined) return { start: 0, drain: present.map(({ id }) => ({ id, reason: "removed" })) };

  if (desired.isPaused === true)
    return { start: 0, drain: present.map(({ id }) => ({ id, reason: "idle" })) };

  const isCurrent = ({ generation, group }: InstanceFacts) =>
    generation === desired.generation && group === desired.group;
  const current = present.filter(isCurrent);
  const old = present.filter((instance) => !isCurrent(instance));
  const wanted = Math.max(desired.share, Math.min(old.length, desired.most));
  const ready = current.filter(({ phase }) => phase === "ready").length;
  const isReplaced = old.length > 0 && ready >= wanted;
  return {
    start: Math.max(0, wanted - current.length),
    drain: isReplaced ? old.map(({ id }) => ({ id, reason: "replaced" })) : [],
  };
}

/** How many of `count` instances of a function are this node's: the k-th goes to the k-th node of the ranking, around. */
export function decideShare(count: number, ranking: readonly { node: string }[], node: string): number {
  const rank = ranking.findIndex((candidate) => candidate.node === node);
  if (rank === -1 || count === 0) return 0;
  const rounds = Math.floor(count / ranking.length);
  return rounds + (rank < count % ranking.length ? 1 : 0);
}
