import type { GoneReason } from "../../contracts/index.ts";

/** What the decision needs to know of a local instance. */
export interface InstanceFacts {
  id: string;
  /** The spec that it was started from: changes with the revision and with every other key. */
  generation: string;
  /** Of the host that it is in (suspicion.ts). */
  group: string;
  phase: "starting" | "ready" | "draining";
}

export interface DecisionInput {
  /** Undefined: the function was removed. */
  desired: { generation: string; group: string; share: number } | undefined;
  instances: readonly InstanceFacts[];
}

export interface Actions {
  start: number;
  drain: { id: string; reason: GoneReason }[];
}

/**
 * What a node does about one function. New instances become ready first, then the old ones drain, so that an update, and
 * a move to another host, loses nothing; a function without instances stays asleep until somebody asks for it, beyond its share of `scale.min`.
 */
export function decideActions({ desired, instances }: DecisionInput): Actions {
  const present = instances.filter(({ phase }) => phase !== "draining");
  if (desired === undefined) return { start: 0, drain: present.map(({ id }) => ({ id, reason: "removed" })) };

  const isCurrent = ({ generation, group }: InstanceFacts) =>
    generation === desired.generation && group === desired.group;
  const current = present.filter(isCurrent);
  const old = present.filter((instance) => !isCurrent(instance));
  const wanted = Math.max(desired.share, old.length);
  const ready = current.filter(({ phase }) => phase === "ready").length;
  const isReplaced = old.length > 0 && ready >= wanted;
  return {
    start: Math.max(0, wanted - current.length),
    drain: isReplaced ? old.map(({ id }) => ({ id, reason: "replaced" })) : [],
  };
}

/** How many of a function's `min` instances are this node's: the k-th goes to the k-th node of the ranking, around. */
export function decideShare(min: number, ranking: readonly { node: string }[], node: string): number {
  const rank = ranking.findIndex((candidate) => candidate.node === node);
  if (rank === -1 || min === 0) return 0;
  const rounds = Math.floor(min / ranking.length);
  return rounds + (rank < min % ranking.length ? 1 : 0);
}
