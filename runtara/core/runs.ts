/**
 * Orders to run instances. They wait on NATS, and any node takes them.
 *
 * I1  An order names the generation of its instance: an order that another one has replaced is dropped.
 * I2  A claim that was written counts once, also where its answer was lost: its worker finds its own mark, and no crash.
 * I3  An order without its instance is of a start that broke off. It waits for a while, and is dropped.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { parseJson, stores, subjects } from "../../contracts/index.ts";
import { createHeaders, type DueQueue, type DueWork, type Nats, openDueQueue } from "../../nats/index.ts";
import { lastWork } from "./checkpoints.ts";
import { tokenOf } from "./ids.ts";
import type { Instance } from "./record.ts";
import { type Claim, claim, type Ended, ended, type ProcessEnd } from "./run-transitions.ts";
import { at, type Store } from "./store.ts";

/** How long the answer of an attended run may take. */
const ATTENDED_MS = 3_000;

/** The pause between two questions. */
const ASK_AGAIN_MS = 250;

const OrderSchema = z.object({ instance: z.string(), generation: z.int() });
export type RunOrder = z.infer<typeof OrderSchema>;

/** How long an order waits for its instance to be written. */
const ORPHANED_MS = 30_000;
/** The first pause before an order is looked at again: its instance is most often written a moment later. */
const FIRST_PAUSE_MS = 5;
const MAX_PAUSE_MS = 1_000;
const pauseOf = ({ deliveries }: DueWork) =>
  Math.min(FIRST_PAUSE_MS * 2 ** Math.min(deliveries - 1, 10), MAX_PAUSE_MS);

export interface RunsOptions {
  nats: Nats;
  store: Store;
  queue: DueQueue;
}

export class Runs {
  readonly #nats: Nats;
  readonly #store: Store;
  readonly queue: DueQueue;
  /** The marks of claims without an answer, by their orders. */
  readonly #unanswered = new Map<string, string>();

  constructor({ nats, store, queue }: RunsOptions) {
    this.#nats = nats;
    this.#store = store;
    this.queue = queue;
  }

  /** Has a node run an instance, now or at a time. */
  async order(order: RunOrder, wakeAt?: Date): Promise<void> {
    await this.queue.add(keyOf(order), JSON.stringify(order), wakeAt === undefined ? {} : { at: wakeAt });
  }

  /** Takes an order back that is not carried out any more. */
  drop(order: RunOrder): Promise<void> {
    return this.queue.drop(keyOf(order));
  }

  /** Tells the node that runs an instance that its record has changed. */
  announce(instance: string): void {
    this.#nats.publish(subjects.runtaraOrder(tokenOf(instance)), "", createHeaders());
  }

  /**
   * Says that a run is under way here, and calls back when its instance's record has changed; returns the function that ends
   * both.
   */
  attend({ id, run }: Instance, onAnnounced: () => void): () => void {
    const subscription = this.#nats.subscribe(subjects.runtaraOrder(tokenOf(id)), (message) => {
      if (message.reply === undefined) onAnnounced();
      else message.respond(String(run));
    });
    return () => subscription.unsubscribe();
  }

  /**
   * Whether a node attends to the present run: NATS hands work out again also where only NATS was away. The node may not be back
   * at NATS yet, so that it is asked for a while.
   */
  async #isAttended({ id, run, status }: Instance, { deliveries }: DueWork): Promise<boolean> {
    if (status !== "running") return false;
    const subject = subjects.runtaraOrder(tokenOf(id));
    const endsAtMs = performance.now() + (deliveries > 1 ? ATTENDED_MS : 0);
    for (;;) {
      const reply = await this.#nats.request(subject, "", { timeoutMs: ATTENDED_MS }).catch(() => undefined);
      if (reply?.text() === String(run)) return true;
      if (performance.now() >= endsAtMs) return false;
      await sleep(ASK_AGAIN_MS);
    }
  }

  /** Begins a run: the instance as it is then. Undefined: the work is over, or is handed out again. */
  async claim(work: DueWork, node: string): Promise<Instance | undefined> {
    const order = parseJson(Buffer.from(work.data).toString(), OrderSchema);
    if (order === undefined) return this.#over(work);
    const { instance: id, generation } = order;
    const [found, { sequence: progress }] = await Promise.all([
      this.#store.find(id),
      lastWork(this.#store, id),
    ]);
    const isPresent = found !== undefined && found.instance.generation === generation;
    // The work is held by the run that goes on.
    if (isPresent && (await this.#isAttended(found.instance, work))) return undefined;
    const mark = this.#unanswered.get(work.key) ?? crypto.randomUUID();
    if (isPresent && isClaimedBy(found.instance, mark)) return this.#begin(work, found.instance);
    const decided: Claim = claim(found?.instance, { generation, node, progress, mark }, Date.now());
    if (decided.kind === "drop") return this.#over(work);
    if (decided.kind === "wait") {
      if (Date.now() - work.dueAt.getTime() > ORPHANED_MS) return this.#over(work);
      work.again(pauseOf(work));
      return undefined;
    }
    const { next } = decided;
    const ifSequence = found?.sequence ?? 0;
    this.#unanswered.set(work.key, mark);
    const written = await this.#store.records.put(at.instance(id), JSON.stringify(next), { ifSequence });
    if (written === undefined) {
      const now = await this.#store.find(id);
      if (now !== undefined && isClaimedBy(now.instance, mark)) return this.#begin(work, now.instance);
      this.#unanswered.delete(work.key);
      // Another change came in between, perhaps another worker's claim.
      work.again(pauseOf(work));
      return undefined;
    }
    return decided.kind === "begin" ? this.#begin(work, next) : this.#over(work);
  }

  #begin(work: DueWork, instance: Instance): Instance {
    this.#unanswered.delete(work.key);
    return instance;
  }

  /** Notes the end of a run, and has another one follow where the instance is not over. */
  async ended(work: DueWork, { id, run }: Instance, end: Omit<ProcessEnd, "progress">): Promise<Instance> {
    const { sequence: progress } = await lastWork(this.#store, id);
    let decided: Ended | undefined;
    const now = await this.#store.changeKnown(id, (known) => {
      decided = ended(known, run, { ...end, progress }, Date.now());
      return decided.kind === "replaced" ? undefined : decided.next;
    });
    if (decided?.kind === "again") work.again(decided.pauseMs);
    else if (decided?.kind === "over") await work.done();
    return now;
  }

  async #over(work: DueWork): Promise<undefined> {
    this.#unanswered.delete(work.key);
    await work.done();
    return undefined;
  }
}

function isClaimedBy(instance: Instance, mark: string): boolean {
  return instance.status === "running" && instance.claim === mark;
}

export async function openRuns(nats: Nats, store: Store): Promise<Runs> {
  const queue = await openDueQueue(nats, { stream: stores.runtara.runs, prefix: subjects.runtaraRuns });
  return new Runs({ nats, store, queue });
}

const keyOf = ({ instance, generation }: RunOrder) => `${tokenOf(instance)}.${generation}`;
