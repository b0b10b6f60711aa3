/**
 * Wakes workflows whose due message is lost. In a cluster whose servers change, a consumer may take a message for acknowledged that
 * no runner has seen: its place is agreed upon by other rules than the stream's messages. The journals show it.
 *
 * I1  A look wakes a workflow that waits and has an input behind its last record, or whose timer is over; a workflow without a
 *     record; and a workflow that runs nowhere. Each for some time: others are under way.
 * I2  A wake is a timer that fires: it changes nothing where no wake was lost.
 */
import { isFinal, subjects, type WorkflowRecord } from "../contracts/index.ts";
import {
  type JournalClock,
  type Journals,
  lastInputs,
  lastRecords,
  lookAfterChanges,
  type Nats,
  NoReplyError,
} from "../nats/index.ts";

export interface LostWakesOptions {
  nats: Nats;
  journals: Journals;
  /** The times in journals are those of NATS. Default: the node's clock is right. */
  clock?: Pick<JournalClock, "now">;
  log: { warn(fields: object, message: string): void };
  /** How long a wake is late before it counts as lost. Default 10 s. */
  lateMs?: number;
}

const LATE_MS = 10_000;
/** How long the runners may take to say that they run a workflow. */
const ASK_MS = 1_000;

/** Looks after each change of the cluster. Returns the function that ends it. */
export function followLostWakes(options: LostWakesOptions): () => void {
  // A look that fails, as JetStream is away, is followed by another one: the cluster changes again.
  return lookAfterChanges(options.nats.cluster, () => void wakeLost(options).catch(() => undefined));
}

/** Looks at all workflows once. */
export async function wakeLost(options: LostWakesOptions): Promise<void> {
  const { nats, journals, clock, log, lateMs = LATE_MS } = options;
  const lateBefore = ((await clock?.now()) ?? Date.now()) - lateMs;
  const records = new Map<string, { seq: number; record: WorkflowRecord }>();
  for await (const { workflow, id, seq, record } of lastRecords(nats))
    records.set(`${workflow}.${id}`, { seq, record });
  for await (const { workflow, id, seq, at } of lastInputs(nats)) {
    const key = `${workflow}.${id}`;
    const last = records.get(key);
    const isLost = last === undefined ? at < lateBefore : isOverdue(last.record, { seq, at }, lateBefore);
    if (!isLost || (last?.record.state !== "waiting" && (await isRun(nats, key)))) continue;
    log.warn({ workflow, id }, "a workflow is woken again");
    await journals.sendOnce({ workflow, id }, { t: "timer" }, `wake.${key}.${seq}.${last?.seq ?? 0}`);
  }
}

function isOverdue(
  { state, seen, due, at }: WorkflowRecord,
  input: { seq: number; at: number },
  lateBefore: number,
): boolean {
  if (isFinal(state) || state === "stuck" || state === "paused") return false;
  const isBehind = input.seq > seen && input.at < lateBefore;
  if (state === "waiting") return isBehind || (due !== undefined && due < lateBefore);
  return at < lateBefore;
}

async function isRun(nats: Nats, key: string): Promise<boolean> {
  try {
    await nats.request(subjects.workflowAsk, key, { timeoutMs: ASK_MS });
    return true;
  } catch (error) {
    return !(error instanceof NoReplyError);
  }
}
