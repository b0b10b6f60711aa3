/** Decides which traces are recorded, by the samplers that OpenTelemetry names. */
import type { TraceContext } from "../contracts/index.ts";

export const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;
export type SamplerName = (typeof SAMPLERS)[number];

/** `parent`: the place that the client names. */
export type Sampler = (traceId: string, parent: TraceContext | undefined) => boolean;

const PARENT_BASED = "parentbased_";

/** `ratio`: the part of the traces that the samplers by ratio take, from 0 to 1. */
export function createSampler(name: SamplerName, ratio: number): Sampler {
  const isParentBased = name.startsWith(PARENT_BASED);
  const ofRoots = isParentBased ? name.slice(PARENT_BASED.length) : name;
  const takes =
    ofRoots === "always_on" ? () => true : ofRoots === "always_off" ? () => false : byRatio(ratio);
  return (traceId, parent) => (isParentBased && parent !== undefined ? parent.isSampled : takes(traceId));
}

/** Whether the sampler takes no trace at all, whatever a client says. */
export function takesNone(name: SamplerName, ratio: number): boolean {
  return name === "always_off" || (name === "traceidratio" && ratio === 0);
}

/** The last seven bytes of an id are random. Each part that samples by a ratio decides alike. */
const RANDOM_DIGITS = 14;
const RANGE = 2 ** 56;

function byRatio(ratio: number): (traceId: string) => boolean {
  const below = ratio * RANGE;
  return (traceId) => Number.parseInt(traceId.slice(-RANDOM_DIGITS), 16) < below;
}
