/**
 * The states of schedules, their alarms and their handed-out runs, in one stream (contracts/schedules.ts).
 *
 * I1  An alarm is stored only while the state that asks for it is the last one.
 * I2  A run is handed out once: while its message is there, a second one is refused. Its reader drops a run
 *     that the state does not have.
 * I3  States are read from the stream's leader.
 */
import { type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers as createFields } from "@nats-io/transport-node";
import {
  decodeRunRecord,
  decodeScheduleState,
  type RunRecord,
  type ScheduleKey,
  type ScheduleState,
  stores,
  subjects,
} from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { isConflict, isStreamMissing } from "../jetstream-errors.ts";
import { settleWrite } from "../kv/settled-write.ts";
import { needsJetStream } from "../needs-jetstream.ts";
import { readStored } from "../stored-messages.ts";
import { ensureScheduleStreams } from "./ensure-schedules.ts";

/** A state, and the sequence for its compare-and-set. */
export interface StoredSchedule extends ScheduleKey {
  state: ScheduleState;
  seq: number;
}

/** The messages that there are besides states. */
export interface ScheduleMessages {
  /** When the server answered, by its clock. */
  nowMs: number;
  hasAlarm(key: ScheduleKey): boolean;
  /** An alarm has rung, and its message is not acked yet. */
  hasDue(key: ScheduleKey): boolean;
  hasRun(key: ScheduleKey, run: string): boolean;
}

const { stream } = stores.schedules;
const EXPECTED = "Nats-Expected-Last-Subject-Sequence";
const NOTHING = new Uint8Array();

export class ScheduleStore {
  readonly #nats: Nats;
  readonly #manager: JetStreamManager;

  constructor(nats: Nats, manager: JetStreamManager) {
    this.#nats = nats;
    this.#manager = manager;
  }

  async read({ function: name, schedule }: ScheduleKey): Promise<StoredSchedule | undefined> {
    const found = await this.#last(this.#wire(subjects.scheduleState(name, schedule)));
    const state = found && decodeScheduleState(found.text);
    return state && { function: name, schedule, state, seq: found.seq };
  }

  async #last(subject: string): Promise<{ seq: number; text: string } | undefined> {
    const found = await needsJetStream(this.#nats, () =>
      this.#manager.streams.getMessage(stream, { last_by_subj: subject }),
    );
    return found === null ? undefined : { seq: found.seq, text: found.string() };
  }

  /** The states of a function's schedules, or of all. */
  async *list(name = "*"): AsyncGenerator<StoredSchedule, void> {
    const filter = this.#wire(subjects.scheduleState(name, "*"));
    for await (const { subject, seq, data } of readStored({
      nats: this.#nats,
      manager: this.#manager,
      stream,
      filter,
    })) {
      const state = decodeScheduleState(Buffer.from(data).toString());
      if (state !== undefined) yield { ...keyOf(subject), state, seq };
    }
  }

  async hasStates(): Promise<boolean> {
    const filter = this.#wire(subjects.scheduleState("*", "*"));
    const info = await needsJetStream(this.#nats, () =>
      this.#manager.streams.info(stream, { subjects_filter: filter }),
    );
    return Object.keys(info.state.subjects ?? {}).length > 0;
  }

  /**
   * Writes a state behind the sequence `after` (0: there is none); undefined where another one is there. That other one may
   * come behind this write, where the write's answer was lost.
   */
  async write(
    { function: name, schedule }: ScheduleKey,
    state: ScheduleState,
    after: number,
  ): Promise<number | undefined> {
    const fields = createFields();
    fields.set(EXPECTED, String(after));
    // A state without a next tick takes its alarm away.
    if (state.nextMs === null) {
      fields.set("Nats-Scheduler", this.#wire(subjects.scheduleAlarm(name, schedule)));
      fields.set("Nats-Schedule-Next", "purge");
    }
    const subject = this.#wire(subjects.scheduleState(name, schedule));
    const text = JSON.stringify(state);
    return settleWrite({
      ...{ text, expected: after },
      write: () => this.#publish(subject, text, fields, { mayRepeat: false }),
      read: async () => {
        const last = await this.#last(subject);
        return { revision: last?.seq ?? 0, text: last?.text };
      },
    });
  }

  /** Sets the alarm of a state. False: the state with this sequence is no longer the last one. */
  async setAlarm(
    { function: name, schedule }: ScheduleKey,
    nextMs: number,
    stateSeq: number,
  ): Promise<boolean> {
    const fields = createFields();
    fields.set(EXPECTED, String(stateSeq));
    fields.set(`${EXPECTED}-Subject`, this.#wire(subjects.scheduleState(name, schedule)));
    fields.set("Nats-Schedule", `@at ${new Date(nextMs).toISOString()}`);
    fields.set("Nats-Schedule-Target", this.#wire(subjects.scheduleDue(name, schedule)));
    const subject = this.#wire(subjects.scheduleAlarm(name, schedule));
    return (await this.#publish(subject, String(nextMs), fields)) !== undefined;
  }

  /** Hands a run out, unless it is handed out. */
  async handOut({ function: name, schedule }: ScheduleKey, run: string): Promise<void> {
    const fields = createFields();
    fields.set(EXPECTED, "0");
    await this.#publish(this.#wire(subjects.scheduleRun(name, `${schedule}.${run}`)), NOTHING, fields);
  }

  /** Deletes a state that is still the one with this sequence. */
  async delete(seq: number): Promise<void> {
    await needsJetStream(this.#nats, () => this.#manager.streams.deleteMessage(stream, seq)).catch(
      async (error: unknown) => {
        // Another one has deleted or replaced it.
        const found = await this.#manager.streams.getMessage(stream, { seq }).catch(() => null);
        if (found !== null) throw error;
      },
    );
  }

  async messages(): Promise<ScheduleMessages> {
    const filter = this.#wire(subjects.schedulesAll);
    const info = await needsJetStream(this.#nats, () =>
      this.#manager.streams.info(stream, { subjects_filter: filter }),
    );
    const found = info.state.subjects ?? {};
    const has = (subject: string) => found[this.#wire(subject)] !== undefined;
    return {
      nowMs: timeOf(info),
      hasAlarm: ({ function: name, schedule }) => has(subjects.scheduleAlarm(name, schedule)),
      hasDue: ({ function: name, schedule }) => has(subjects.scheduleDue(name, schedule)),
      hasRun: ({ function: name, schedule }, run) => has(subjects.scheduleRun(name, `${schedule}.${run}`)),
    };
  }

  /** The time of the server's clock, in epoch milliseconds. */
  async nowMs(): Promise<number> {
    const info = await needsJetStream(this.#nats, () => this.#manager.streams.info(stream));
    return timeOf(info);
  }

  async record({ function: name, schedule }: ScheduleKey, record: RunRecord): Promise<void> {
    await this.#publish(
      this.#wire(subjects.scheduleRecord(name, schedule)),
      JSON.stringify(record),
      createFields(),
    );
  }

  /** The kept runs, the oldest first. A record that was written twice comes once. */
  async records({ function: name, schedule }: ScheduleKey): Promise<RunRecord[]> {
    const found = new Map<string, RunRecord>();
    const where = {
      nats: this.#nats,
      manager: this.#manager,
      stream: stores.scheduleRuns.stream,
      filter: this.#wire(subjects.scheduleRecord(name, schedule)),
    };
    for await (const { data } of readStored(where)) {
      const record = decodeRunRecord(Buffer.from(data).toString());
      if (record !== undefined) found.set(`${record.id} ${record.outcome === "missed"}`, record);
    }
    return [...found.values()];
  }

  async lastRecord({ function: name, schedule }: ScheduleKey): Promise<RunRecord | undefined> {
    const subject = this.#wire(subjects.scheduleRecord(name, schedule));
    const found = await needsJetStream(this.#nats, () =>
      this.#manager.streams.getMessage(stores.scheduleRuns.stream, { last_by_subj: subject }),
    );
    return found === null ? undefined : decodeRunRecord(found.string());
  }

  async deleteRecords({ function: name, schedule }: ScheduleKey): Promise<void> {
    const filter = this.#wire(subjects.scheduleRecord(name, schedule));
    await needsJetStream(this.#nats, () =>
      this.#manager.streams.purge(stores.scheduleRuns.stream, { filter }),
    );
  }

  #wire(subject: string): string {
    return this.#nats.world.toWire(subject);
  }

  /** Undefined: the condition of the message's fields does not hold. */
  async #publish(
    subject: string,
    data: string | Uint8Array,
    fields: ReturnType<typeof createFields>,
    { mayRepeat = true }: { mayRepeat?: boolean } = {},
  ): Promise<number | undefined> {
    try {
      const ack = await needsJetStream(
        this.#nats,
        () => jetstream(this.#nats.connection).publish(subject, data, { headers: fields }),
        { mayRepeat },
      );
      return ack.seq;
    } catch (error) {
      if (isConflict(error)) return undefined;
      throw error;
    }
  }
}

/** Opens the store, and makes its streams where they are missing. Errors: see needsJetStream; STREAM_UNFIT. */
export async function openSchedules(nats: Nats): Promise<ScheduleStore> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  await ensureScheduleStreams(nats, manager);
  return new ScheduleStore(nats, manager);
}

/** The store for a reader; undefined where no function ever had a schedule. */
export async function findSchedules(nats: Nats): Promise<ScheduleStore | undefined> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  try {
    await needsJetStream(nats, () => manager.streams.info(stream));
    return new ScheduleStore(nats, manager);
  } catch (error) {
    if (isStreamMissing(error)) return undefined;
    throw error;
  }
}

/** Servers since 2.10 say it. */
function timeOf({ ts = "" }: { ts?: string }): number {
  return Date.parse(ts);
}

/** The schedule of a subject of the stream. */
export function keyOf(subject: string): ScheduleKey & { rest: string } {
  const tokens = subject.split(".");
  const at = tokens.indexOf("schedule");
  const [name = "", schedule = "", ...rest] = tokens.slice(at + 2);
  return { function: name, schedule, rest: rest.join(".") };
}
