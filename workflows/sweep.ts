/** The hourly work for all workflows: ended ones whose time is over go, and so do revisions that none needs. */
import { isFinal } from "../contracts/index.ts";
import { type Journals, lastRecords, type Nats } from "../nats/index.ts";
import type { TriggerCalls } from "../triggers/index.ts";
import { type Pinned, pinnedName } from "./pinned.ts";

/** The name under which the timer of the sweep fires. No function has it. */
export const SWEEP = { workflow: "~", id: "sweep" } as const;
export const SWEEP_SECONDS = 3_600;

const DEFAULT_RETENTION_MS = 7 * 24 * 3_600_000;

export interface SweepOptions {
  nats: Nats;
  calls: TriggerCalls;
  journals: Journals;
  pinned: Pinned;
  /** Now, in epoch milliseconds. Default: by the system's clock. */
  nowMs?: number | undefined;
}

export async function sweep({
  nats,
  calls,
  journals,
  pinned,
  nowMs = Date.now(),
}: SweepOptions): Promise<void> {
  const dispatch = await calls.dispatch();
  const needed = new Set<string>();
  let areAllKnown = true;
  for await (const { workflow, id, record } of lastRecords(nats)) {
    if (isFinal(record.state)) {
      const retentionMs = dispatch.specOf(workflow)?.workflow?.retentionMs ?? DEFAULT_RETENTION_MS;
      if (nowMs - record.at >= retentionMs) await journals.purge({ workflow, id });
    } else if (record.rev !== undefined) needed.add(pinnedName(workflow, record.rev));
    else areAllKnown = false;
  }
  // The record of a running workflow may lack its revision: the next sweep sees another one.
  if (areAllKnown) await pinned.prune(needed);
  await journals.purgeInputs(SWEEP);
}
