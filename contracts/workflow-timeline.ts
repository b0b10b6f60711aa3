/** The time line of a workflow, by its journal. */
import {
  type CommandKind,
  isFinal,
  type JournalMessage,
  type WorkflowFault,
  type WorkflowInput,
  type WorkflowRecord,
} from "./workflow.ts";

/** A line of a workflow's time line. Times are epoch milliseconds. */
export interface TimelineEntry {
  kind: CommandKind | "start" | "signal" | "cancel" | "pause" | "resume" | "retry" | "migrate";
  name: string;
  at: number;
  /** Undefined: it goes on, or has no length. */
  endedAt?: number;
  /** Attempts that failed. */
  failures: number;
  value?: unknown;
  error?: WorkflowFault;
}

/** Hears of each entry that ends, and of each input, with the sequence of its message. A retried step ends again. */
export type OnEntryEnd = (entry: TimelineEntry, seq: number) => void;

export function timelineOf(
  messages: readonly JournalMessage[],
  startedAt: number,
  onEnd: OnEntryEnd = () => undefined,
): TimelineEntry[] {
  const line = new Timeline(startedAt, onEnd);
  for (const message of messages) line.take(message);
  return line.entries;
}

class Timeline {
  readonly entries: TimelineEntry[] = [];
  readonly #onEnd: OnEntryEnd;
  #commands: TimelineEntry[] = [];
  /** The commands in front of the last record. */
  #countBefore = 0;
  #beforeAt: number;
  #seq = 0;

  constructor(startedAt: number, onEnd: OnEntryEnd) {
    this.#beforeAt = startedAt;
    this.#onEnd = onEnd;
  }

  take({ seq, at, in: input, log }: JournalMessage): void {
    this.#seq = seq;
    if (input !== undefined) this.#takeInput(input, at);
    else this.#takeRecord(log);
  }

  #takeInput(input: WorkflowInput, at: number): void {
    const entry = entryOf(input, at);
    if (entry !== undefined) {
      this.entries.push(entry);
      this.#onEnd(entry, this.#seq);
    }
    if (input.t === "child") this.#end(this.#commands[input.n], at, input.ok, input.fault);
  }

  #takeRecord(log: WorkflowRecord): void {
    if (log.retried !== undefined) this.#retry();
    const commands = this.#commands;
    this.#countBefore = commands.length;
    // A wait has no fact of its own: the code that goes on behind it shows its end.
    if (log.did !== undefined || isFinal(log.state) || log.state === "continued") this.#endWaits(log.at);
    const settled = new Set(log.got?.map(([n]) => n));
    for (const [kind, name] of log.did ?? []) {
      // A command that ended with its record began in the turn before.
      const beganAt = settled.has(commands.length) ? this.#beforeAt : log.at;
      const command: TimelineEntry = { kind, name, at: beganAt, failures: 0 };
      commands.push(command);
      this.entries.push(command);
    }
    for (const got of log.got ?? []) {
      const command = commands[got[0]];
      if (got[1] === "ok") this.#end(command, log.at, got[2], undefined);
      else if (got[1] === "error") this.#end(command, log.at, undefined, got[2]);
      else if (got[1] === "retry" && command !== undefined) command.failures += 1;
    }
    this.#beforeAt = log.at;
    if (log.state === "continued") this.#commands = [];
  }

  #retry(): void {
    for (const dropped of this.#commands.splice(this.#countBefore))
      this.entries.splice(this.entries.indexOf(dropped), 1);
    for (const command of this.#commands) reopen(command);
  }

  #endWaits(at: number): void {
    for (const command of this.#commands)
      if (WAITS.has(command.kind) && command.endedAt === undefined)
        this.#end(command, at, undefined, undefined);
  }

  #end(
    command: TimelineEntry | undefined,
    at: number,
    value: unknown,
    error: WorkflowFault | undefined,
  ): void {
    if (command === undefined) return;
    command.endedAt = at;
    if (value !== undefined) command.value = value;
    if (error !== undefined) command.error = error;
    this.#onEnd(command, this.#seq);
  }
}

const WAITS: ReadonlySet<string> = new Set(["wait", "sleep", "version"]);

/** The run was retried: a failure is one more attempt. */
function reopen(command: TimelineEntry): void {
  if (command.error === undefined) return;
  command.failures += 1;
  delete command.error;
  delete command.endedAt;
}

function entryOf(input: WorkflowInput, at: number): TimelineEntry | undefined {
  if (input.t === "start") return { kind: "start", name: "", at, failures: 0, value: input.input };
  if (input.t === "signal")
    return { kind: "signal", name: input.name, at, failures: 0, value: input.payload };
  if (input.t === "timer" || input.t === "child" || input.t === "sweep") return undefined;
  return { kind: input.t, name: "", at, failures: 0 };
}
