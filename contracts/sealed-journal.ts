/**
 * Journals whose values are sealed (`workflow: { seal: label }`): inputs, results of steps, payloads, messages of errors, the result.
 * Names of steps and signals, states and times stay in clear, as runners go by them; those of a turn are bound to it (bound-record.ts).
 *
 * I1  A value opens in its own workflow and at its own place of the run alone.
 * I2  The records of a journal open in their order alone: none is altered, swapped, doubled or missing between two others. Records
 *     before the first that is bound are of an earlier version, and marks of runners have nothing that a run takes.
 * I3  In a journal with a label no value in clear counts: a start with one fails its run, and a signal with one is passed over.
 */
import { factsOfRecord, hasEffects, type RecordBond } from "./bound-record.ts";
import { NarunError } from "./errors.ts";
import type { SealPlace } from "./keys.ts";
import type { Got, JournalMessage, WorkflowFault, WorkflowInput, WorkflowRecord } from "./workflow.ts";

/** Seals and opens texts. Errors: of docs/encryption.md. */
export interface JournalSeals {
  seal(label: string, place: SealPlace, text: string): Promise<string>;
  /** Without a label: that of its own key. */
  open(label: string | undefined, place: SealPlace, sealed: string): Promise<string>;
}

interface Name {
  workflow: string;
  id: string;
}

/** The form of a sealed value. `of`: the journal that it comes from, where another one gets it: a child's end. */
export interface SealedValue {
  "~sealed": string;
  of?: [workflow: string, base: number];
}

export function isSealedValue(value: unknown): value is SealedValue {
  return typeof value === "object" && value !== null && typeof (value as SealedValue)["~sealed"] === "string";
}

/** The message of a sealed error. */
const SEALED_MESSAGE = "(sealed)";

/** The values of one workflow's journal. Without a label nothing is sealed; sealed values of other workflows are opened. */
export class SealedJournal {
  readonly #seals: JournalSeals;
  readonly #label: string | undefined;
  readonly #name: Name;

  constructor(seals: JournalSeals, label: string | undefined, name: Name) {
    this.#seals = seals;
    this.#label = label;
    this.#name = name;
  }

  async sealInput(input: WorkflowInput): Promise<WorkflowInput> {
    if (this.#label === undefined) return input;
    if (input.t === "start" && input.input !== undefined)
      return { ...input, input: await this.#seal(input.input, ["start"]) };
    if (input.t !== "signal") return input;
    return { ...input, payload: await this.#seal(input.payload, ["signal", input.name, input.id]) };
  }

  /** `after`: the sequence of the record before, to which it is bound. Default: it is bound to none. */
  async sealRecord(record: WorkflowRecord, after?: number): Promise<WorkflowRecord> {
    if (this.#label === undefined) return record;
    const sealed = await this.#sealValues(record, after !== undefined);
    if (after === undefined) return sealed;
    const place = this.#placeOf(["record", record.base ?? 0, after]);
    return {
      ...sealed,
      bond: { after, "~sealed": await this.#seals.seal(this.#label, place, factsOfRecord(sealed)) },
    };
  }

  async #sealValues(record: WorkflowRecord, isBound: boolean): Promise<WorkflowRecord> {
    const { base = 0, got, value, fault, kept } = record;
    const hasValue = endsWithValue(record);
    const of: SealedValue["of"] = [this.#name.workflow, base];
    return {
      ...record,
      ...(got && { got: await all(got, (one) => this.#sealGot(one, [base, ...bound(isBound)])) }),
      ...(hasValue && { value: { ...(await this.#seal(value, ["value", base])), of } }),
      ...(fault && { fault: await this.#sealFault(fault, ["fault", base, "end"], of) }),
      ...(kept && {
        kept: await all(kept, async ({ name, payload }, at) => ({
          name,
          payload: await this.#seal(payload, ["kept", base, at, ...bound(isBound)]),
        })),
      }),
    };
  }

  async openRecord(record: WorkflowRecord): Promise<WorkflowRecord> {
    const { bond, ...opened } = record;
    const { base = 0, got, value, fault, kept } = record;
    const isBound = bond !== undefined;
    if (isBound) await this.#requireBond(record, bond);
    const hasValue = this.#label === undefined ? value !== undefined : endsWithValue(record);
    return {
      ...opened,
      ...(got && { got: await all(got, (one) => this.#openGot(one, [base, ...bound(isBound)])) }),
      ...(hasValue && { value: await this.#open(value, ["value", base]) }),
      ...(fault && { fault: await this.#openFault(fault, ["fault", base, "end"]) }),
      ...(kept && {
        kept: await all(kept, async ({ name, payload }, at) => ({
          name,
          payload: await this.#open(payload, ["kept", base, at, ...bound(isBound)]),
        })),
      }),
    };
  }

  async openMessages(messages: readonly JournalMessage[]): Promise<JournalMessage[]> {
    this.#requireOrder(messages);
    return all(messages, async (message): Promise<JournalMessage> => {
      const { seq, at } = message;
      if (message.log !== undefined) return { seq, at, log: await this.openRecord(message.log) };
      return { seq, at, in: await this.#openInput(message.in) };
    });
  }

  /** Errors: SEAL_CUT_OFF, SEAL_MISSING. */
  #requireOrder(messages: readonly JournalMessage[]): void {
    let before: number | undefined;
    let hasBond = false;
    for (const { seq, log } of messages) {
      if (log === undefined) continue;
      const { bond } = log;
      if (bond !== undefined && before !== undefined && bond.after !== before)
        throw this.#fault("SEAL_CUT_OFF", `record ${seq} is bound to ${bond.after}, and not to ${before}`);
      if (bond === undefined && hasBond && hasEffects(log))
        throw this.#fault("SEAL_MISSING", `record ${seq} is bound to none`);
      hasBond ||= bond !== undefined;
      before = seq;
    }
  }

  /** Errors: SEAL_BROKEN, SEAL_MOVED. */
  async #requireBond(record: WorkflowRecord, bond: RecordBond): Promise<void> {
    const { after, "~sealed": sealed } = bond;
    const place = this.#placeOf(["record", record.base ?? 0, after]);
    const facts = await this.#seals.open(this.#label, place, sealed);
    // A reader without the key cannot tell.
    if (facts !== sealed && facts !== factsOfRecord(record))
      throw this.#fault("SEAL_BROKEN", `the record behind ${after} was altered`);
  }

  #fault(code: "SEAL_BROKEN" | "SEAL_CUT_OFF" | "SEAL_MISSING", what: string): NarunError {
    const { workflow, id } = this.#name;
    return new NarunError(code, { detail: `journal ${workflow}/${id}: ${what}` });
  }

  async #openInput(input: WorkflowInput): Promise<WorkflowInput> {
    if (input.t === "child") return this.#openChild(input);
    if (input.t !== "start" && input.t !== "signal") return input;
    try {
      if (input.t === "signal") {
        const payload = await this.#open(input.payload, ["signal", input.name, input.id]);
        return { ...input, payload };
      }
      if (input.input === undefined) return input;
      return { ...input, input: await this.#open(input.input, ["start"]) };
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined || !FINAL.has(code)) throw error;
      // An input without an effect takes its place, as the executor counts inputs.
      if (input.t === "signal") return { t: "timer" };
      const { input: _, ...start } = input;
      return { ...start, refused: code };
    }
  }

  /** A child's end was sealed in the child's journal. */
  async #openChild(input: Extract<WorkflowInput, { t: "child" }>): Promise<WorkflowInput> {
    const { child, ok, fault } = input;
    const sealed = isSealedValue(ok) ? ok : fault?.sealed;
    if (sealed?.of === undefined) return input;
    const [workflow, base] = sealed.of;
    const journal = new SealedJournal(this.#seals, undefined, { workflow, id: child });
    if (fault === undefined) return { ...input, ok: await journal.#open(ok, ["value", base]) };
    return { ...input, fault: await journal.#openFault(fault, ["fault", base, "end"]) };
  }

  async #sealGot(got: Got, at: Place): Promise<Got> {
    const [n, what] = got;
    const [base, ...more] = at;
    if (what === "begun") return got;
    if (what === "ok") return [n, what, await this.#seal(got[2], ["got", base, n, ...more])];
    const fault = await this.#sealFault(got[2], ["fault", base, n, ...more]);
    return what === "retry" ? [n, what, fault, got[3]] : [n, what, fault];
  }

  async #openGot(got: Got, at: Place): Promise<Got> {
    const [n, what] = got;
    const [base, ...more] = at;
    if (what === "begun") return got;
    if (what === "ok") {
      const value = await this.#open(got[2], ["got", base, n, ...more]);
      return value === undefined ? [n, what] : [n, what, value];
    }
    const fault = await this.#openFault(got[2], ["fault", base, n, ...more]);
    return what === "retry" ? [n, what, fault, got[3]] : [n, what, fault];
  }

  async #sealFault(
    { name, code, message, stack }: WorkflowFault,
    part: readonly unknown[],
    of?: SealedValue["of"],
  ): Promise<WorkflowFault> {
    const sealed = { ...(await this.#seal({ message, stack }, part)), ...(of && { of }) };
    return { name, message: SEALED_MESSAGE, ...(code === undefined ? {} : { code }), sealed };
  }

  async #openFault({ sealed, ...fault }: WorkflowFault, part: readonly unknown[]): Promise<WorkflowFault> {
    if (sealed === undefined && this.#label === undefined) return fault;
    const opened = await this.#open(sealed, part);
    // A reader without the key sees that it is sealed.
    if (isSealedValue(opened)) return { ...fault, ...(sealed && { sealed }) };
    return { ...fault, ...(opened as Pick<WorkflowFault, "message">) };
  }

  async #seal(value: unknown, part: readonly unknown[]): Promise<SealedValue> {
    // No value is sealed, too: only a holder of the key can make the seal.
    const text = JSON.stringify(value) ?? "";
    return { "~sealed": await this.#seals.seal(this.#label ?? "none", this.#placeOf(part), text) };
  }

  /** Refuses a value in clear where the journal has a label (I3). */
  async #open(value: unknown, part: readonly unknown[]): Promise<unknown> {
    if (isSealedValue(value)) {
      const text = await this.#seals.open(this.#label, this.#placeOf(part), value["~sealed"]);
      if (text === value["~sealed"]) return value;
      return text === "" ? undefined : JSON.parse(text);
    }
    if (this.#label === undefined) return value;
    throw Object.assign(new Error(`SEAL_MISSING: ${part.join(" ")} of the journal is in clear`), {
      code: "SEAL_MISSING",
    });
  }

  #placeOf(part: readonly unknown[]): SealPlace {
    return ["journal", this.#name.workflow, this.#name.id, ...part.map(String)];
  }
}

/** The part of a place in a run: its base, and whether its record is bound. */
type Place = readonly unknown[];

const bound = (isBound: boolean): string[] => (isBound ? ["bound"] : []);

function endsWithValue({ state }: WorkflowRecord): boolean {
  return state === "done" || state === "continued";
}

/** The faults that no later grant mends. */
const FINAL: ReadonlySet<string> = new Set(["SEAL_MISSING", "SEAL_BROKEN", "SEAL_MOVED"]);

function codeOf(error: unknown): string | undefined {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return [code, name].find((one): one is string => typeof one === "string" && /^[A-Z_]+$/.test(one));
}

/** In order, one after the other: a journal may be long. */
async function all<T, R>(items: readonly T[], map: (item: T, at: number) => Promise<R>): Promise<R[]> {
  const made: R[] = [];
  for (const [at, item] of items.entries()) made.push(await map(item, at));
  return made;
}
