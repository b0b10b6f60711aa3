/**
 * One run of an instance: its program, from its start to its end.
 *
 * I1  The program ends when its instance says so: it sleeps for long, is stopped, has finished, or another run took its place.
 * I2  An instance's record counts. An announcement only has it looked at sooner.
 */
import type { Logger } from "pino";
import { type FunctionConfig, isNarunError, type LogLevel, messageOf } from "../../contracts/index.ts";
import { type DueWork, UNTOLD_MS } from "../../nats/index.ts";
import type { ImageFile } from "../core/images.ts";
import { type Instance, isFinal } from "../core/record.ts";
import type { ProcessEnd } from "../core/run-transitions.ts";
import type { Runtara } from "../core/runtara.ts";

export interface ProgramOrder {
  /** Names this start of the program. */
  instance: string;
  /** Runtara's instance. */
  id: string;
  revision: string;
  node: string;
  config: FunctionConfig;
  bytes: Uint8Array;
  env: Readonly<Record<string, string>>;
  onLine(level: LogLevel, line: string, stream: "stdout" | "stderr"): void;
}

export interface RunningProgram {
  readonly pid: number;
  readonly ended: Promise<{ exitCode: number | null; signal: string | null }>;
  stop(graceMs: number): Promise<unknown>;
}

/** Starts a program on this node. Rejects where it cannot. */
export type StartProgram = (order: ProgramOrder) => Promise<RunningProgram>;

export interface RunOptions {
  runtara: Runtara;
  node: string;
  startProgram: StartProgram;
  addressesFor(token: string): Record<string, string>;
  instance: Instance;
  work: DueWork;
  loadImage(id: string): Promise<ImageFile>;
  log: Logger;
}

/** How often the record is looked at, and the order is held. */
export const LOOK_MS = UNTOLD_MS / 4;
/** How long a program may take to end after SIGTERM. */
const TERM_MS = 2_000;
/** Upper bound of the kept end of stderr, in characters. */
const MAX_STDERR = 16 * 1024;

type Because = NonNullable<ProcessEnd["because"]>;

export class Run {
  readonly #options: RunOptions;
  readonly #lines: string[] = [];
  #characters = 0;
  #program: RunningProgram | undefined;
  #because: Because | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  /** Ends the program: the instance goes on elsewhere. */
  giveBack(): void {
    this.#end("node", TERM_MS);
  }

  async untilEnded(): Promise<Omit<ProcessEnd, "progress">> {
    const { runtara, instance, work } = this.#options;
    const look = () => void this.#look();
    const stopHearing = runtara.runs.attend(instance, look);
    const beat = setInterval(() => {
      work.working();
      look();
    }, LOOK_MS);
    const timeout = this.#startTimeout();
    try {
      // Workers that get the order again ask from here on: the note may take its time.
      await runtara.noteRun(instance);
      this.#program = await this.#start();
      if (this.#because !== undefined) void this.#program.stop(TERM_MS);
      // A change that came while it started had no listener.
      look();
      const { exitCode, signal } = await this.#program.ended;
      return { exitCode, signal, stderr: this.#stderr(), ...(this.#because && { because: this.#because }) };
    } catch (error) {
      const text = isNarunError(error) ? `${error.code}: ${error.message}` : messageOf(error);
      return {
        exitCode: NOT_STARTED,
        signal: null,
        stderr: text,
        ...(this.#because && { because: this.#because }),
      };
    } finally {
      stopHearing();
      clearInterval(beat);
      clearTimeout(timeout);
      clearTimeout(this.#deadline);
    }
  }

  async #start(): Promise<RunningProgram> {
    const { runtara, instance, node, startProgram, addressesFor, loadImage } = this.#options;
    const { id, tenant, run, image, env = {}, wakeCheckpoint } = instance;
    const { config, revision, bytes } = await loadImage(image?.id ?? "");
    const token = runtara.access.issue({ tenant, instance: id, run });
    return startProgram({
      instance: `runtara-${crypto.randomUUID()}`,
      id,
      ...{ revision, node, config, bytes },
      env: {
        ...env,
        ...addressesFor(token),
        RUNTARA_INSTANCE_ID: id,
        RUNTARA_TENANT_ID: tenant,
        ...(wakeCheckpoint === undefined ? {} : { RUNTARA_CHECKPOINT_ID: wakeCheckpoint }),
      },
      onLine: (_level, line, stream) => stream === "stderr" && this.#note(line),
    });
  }

  #startTimeout(): NodeJS.Timeout | undefined {
    const { timeoutSeconds, ranMs } = this.#options.instance;
    if (timeoutSeconds === undefined) return undefined;
    const leftMs = Math.max(0, timeoutSeconds * 1_000 - ranMs);
    return setTimeout(() => this.#end("timeout", TERM_MS), Math.min(leftMs, MAX_TIMER_MS));
  }

  async #look(): Promise<void> {
    const { runtara, instance } = this.#options;
    const now = await runtara.store.find(instance.id).catch(() => undefined);
    // A missing record was removed; an unreadable record is read again.
    if (now === undefined || this.#because !== undefined) return;
    const { run, status, stop, wakeAtMs } = now.instance;
    if (run !== instance.run) return this.#end("node", 0);
    if (status === "suspended" && wakeAtMs !== undefined) return this.#end("sleep", 0);
    if (isFinal(now.instance) || status === "suspended") return this.#endBy(Date.now() + FAREWELL_MS);
    if (stop !== undefined) this.#endBy(stop.deadlineMs);
  }

  /** The program may end by itself until then. */
  #endBy(timeMs: number): void {
    this.#deadline ??= setTimeout(() => this.#end("stop", TERM_MS), Math.max(0, timeMs - Date.now()));
  }

  #end(because: Because, graceMs: number): void {
    if (this.#because !== undefined) return;
    this.#because = because;
    void this.#program?.stop(graceMs);
  }

  #note(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length + 1;
    while (this.#characters > MAX_STDERR && this.#lines.length > 1)
      this.#characters -= (this.#lines.shift()?.length ?? 0) + 1;
  }

  #stderr(): string {
    return this.#lines.join("\n").slice(-MAX_STDERR);
  }
}

/** As of a shell that could not start a program. */
const NOT_STARTED = 126;
const MAX_TIMER_MS = 2 ** 31 - 1;
/** How long a program may go on after its instance has finished or suspended itself. */
const FAREWELL_MS = 10_000;
