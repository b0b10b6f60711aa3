/** Asks one node to start an instance. */
import {
  type Demand,
  type DemandReply,
  DemandReplySchema,
  type ErrorCode,
  type FunctionSpec,
  isNarunError,
  messageOf,
  parseJson,
  subjects,
} from "../contracts/index.ts";
import type { Nats } from "../nats/index.ts";
import { aborted } from "./aborted.ts";
import type { Log } from "./log.ts";

export interface Question {
  node: string;
  spec: Pick<FunctionSpec, "name" | "revision">;
  /** The instances that are there, and that another one is wanted beside. Default: none. */
  beside?: string[];
  signal: AbortSignal;
}

/** How long a node may take to answer. */
const ANSWER_MS = 1_000;

/** A node's answer; undefined where it gave none, or the signal was aborted before. */
export async function askNode(
  { nats, log }: { nats: Nats; log: Log },
  { node, spec, beside, signal }: Question,
): Promise<DemandReply | "not-permitted" | undefined> {
  const { name: service, revision } = spec;
  const demand: Demand = { function: service, revision, ...(beside && { beside }) };
  try {
    const reply = await Promise.race([
      nats.request(subjects.demand(node), JSON.stringify(demand), { timeoutMs: ANSWER_MS }),
      aborted(signal),
    ]);
    const parsed = reply && parseJson(reply.text(), DemandReplySchema);
    if (parsed?.outcome === "refused") log.debug({ node, service, ...parsed }, "demand refused");
    return parsed;
  } catch (error) {
    log.debug({ node, service, error: messageOf(error) }, "demand not answered");
    return isNarunError(error, "NATS_PERMISSIONS_VIOLATION") ? "not-permitted" : undefined;
  }
}

const BROKEN = new Set<string>(["FUNCTION_START_FAILED", "TRIAL_FAILED"] satisfies ErrorCode[]);

/** Whether a refusal says that the function would not start on any other node either. */
export function isBroken(code: string): boolean {
  return BROKEN.has(code);
}
