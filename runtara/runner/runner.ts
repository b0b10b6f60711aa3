/**
 * Runs instances on this node: takes orders, starts their programs, notes their ends.
 *
 * I1  A node that is killed tells nothing more: its orders are handed out again (nats/due), and their instances go on elsewhere.
 * I2  A node that stops in order ends its programs and gives its orders back: no crash is counted.
 */
import type { Logger } from "pino";
import { messageOf } from "../../contracts/index.ts";
import type { DueWork } from "../../nats/index.ts";
import type { ImageFile } from "../core/images.ts";
import type { Instance } from "../core/record.ts";
import type { Runtara } from "../core/runtara.ts";
import { LOOK_MS, Run, type StartProgram } from "./run.ts";

export interface RuntaraRunnerOptions {
  runtara: Runtara;
  node: string;
  startProgram: StartProgram;
  /** The variables by which programs find the doors: with the token of a run. */
  addressesFor(token: string): Record<string, string>;
  /** Upper bound of the programs that run at a time. */
  maxPrograms: number;
  /** How long finished instances are kept. */
  retentionMs: number;
  log: Logger;
}

export interface RuntaraRunner {
  /** How many programs run. */
  readonly running: number;
  /** Ends the programs; their instances go on on other nodes, or when this one is back. */
  close(): Promise<void>;
}

/** How often finished instances are looked for. */
const SWEEP_MS = 3_600_000;
const FIRST_SWEEP_MS = 60_000;

export function startRuntaraRunner(options: RuntaraRunnerOptions): RuntaraRunner {
  const runner = new Runner(options);
  runner.begin();
  return runner;
}

class Runner implements RuntaraRunner {
  readonly #options: RuntaraRunnerOptions;
  readonly #runs = new Set<Promise<void>>();
  readonly #programs = new Set<Run>();
  readonly #stop = new AbortController();
  #freed = Promise.withResolvers<void>();
  #taking: Promise<void> = Promise.resolve();
  #sweep: NodeJS.Timeout | undefined;
  readonly #images = new Map<string, ImageFile>();

  constructor(options: RuntaraRunnerOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#runs.size;
  }

  begin(): void {
    const { runtara, maxPrograms } = this.#options;
    this.#taking = runtara.runs.queue.take({
      free: () => maxPrograms - this.#runs.size,
      untilFree: () => this.#freed.promise,
      handle: (work) => this.#handle(work),
      signal: this.#stop.signal,
    });
    void this.#reviveFormer(Date.now());
    this.#planSweep(FIRST_SWEEP_MS);
  }

  /** Runs of a former life of this node are dead: their orders need not wait until they are handed out again. */
  async #reviveFormer(sinceMs: number): Promise<void> {
    const { runtara, node, log } = this.#options;
    try {
      for await (const { instance } of runtara.store.instances()) {
        const { id, generation, status, runSinceMs = sinceMs } = instance;
        const isFormer = status === "running" && instance.node === node && runSinceMs < sinceMs;
        if (isFormer) await runtara.runs.order({ instance: id, generation });
      }
    } catch (error) {
      // They are handed out again in a while.
      log.debug({ error: messageOf(error) }, "former runs of Runtara were not looked for");
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#sweep);
    this.#freed.resolve();
    for (const program of this.#programs) program.giveBack();
    await Promise.all([this.#taking, ...this.#runs]);
  }

  #handle(work: DueWork): void {
    const run = this.#run(work)
      .catch((error: unknown) => {
        // It is handed out again: nothing is lost.
        this.#options.log.warn({ error: messageOf(error), key: work.key }, "a run of Runtara broke off");
        work.again(RETRY_MS);
      })
      .finally(() => {
        this.#runs.delete(run);
        this.#freed.resolve();
        this.#freed = Promise.withResolvers();
      });
    this.#runs.add(run);
  }

  async #run(work: DueWork): Promise<void> {
    const { runtara } = this.#options;
    if (this.#stop.signal.aborted) return work.again(0);
    const instance = await this.#claim(work);
    if (instance === undefined) return;
    const program = new Run({
      ...this.#options,
      instance,
      work,
      loadImage: (id) => this.#imageOf(id),
    });
    this.#programs.add(program);
    if (this.#stop.signal.aborted) program.giveBack();
    try {
      const end = await program.untilEnded();
      const now = await runtara.runs.ended(work, instance, end);
      if (now.run === instance.run) await runtara.noteRun(now);
    } finally {
      this.#programs.delete(program);
    }
  }

  /** An order is held from the beginning: on a busy machine a claim may take longer than a worker may be silent. */
  async #claim(work: DueWork): Promise<Instance | undefined> {
    const { runtara, node } = this.#options;
    const beat = setInterval(() => work.working(), LOOK_MS);
    try {
      return await runtara.runs.claim(work, node);
    } finally {
      clearInterval(beat);
    }
  }

  /** The file of an image; that of the last few is kept in memory. */
  async #imageOf(id: string): Promise<ImageFile> {
    const known = this.#images.get(id) ?? (await this.#options.runtara.images.load(id));
    this.#images.delete(id);
    this.#images.set(id, known);
    for (const oldest of this.#images.keys())
      if (this.#images.size > KEPT_IMAGES) this.#images.delete(oldest);
    return known;
  }

  #planSweep(afterMs: number): void {
    if (this.#stop.signal.aborted) return;
    this.#sweep = setTimeout(() => void this.#removeOld(), afterMs).unref();
  }

  async #removeOld(): Promise<void> {
    const { runtara, retentionMs, log } = this.#options;
    const { signal } = this.#stop;
    const removed = await runtara.removeFinishedBefore(Date.now() - retentionMs, signal).catch(() => 0);
    if (removed > 0) log.info({ removed }, "finished instances of Runtara were removed");
    this.#planSweep(SWEEP_MS);
  }
}

const RETRY_MS = 1_000;
const KEPT_IMAGES = 4;
