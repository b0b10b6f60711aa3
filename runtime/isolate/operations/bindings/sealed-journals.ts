/** The journals of workflows as the code sees them: their values in clear. On their way and in the stream they are sealed. */
import {
  type JournalMessage,
  type JournalSeals,
  SealedJournal,
  type WorkflowInput,
  type WorkflowRecord,
} from "../../../../contracts/index.ts";
import { labelOfSealed } from "../../../../keys/index.ts";
import type { WorkflowName } from "../../../../nats/index.ts";
import type { BindingContext } from "./binding-context.ts";
import { createSealing, telling } from "./sealing.ts";

export interface SealedJournals {
  sealInput(name: WorkflowName, input: WorkflowInput): Promise<WorkflowInput>;
  /** `record`: JSON, and so is the result. `after`: the record before, to which it is bound. */
  sealRecord(name: WorkflowName, record: string, after?: number): Promise<string>;
  openRecord(name: WorkflowName, record: WorkflowRecord): Promise<WorkflowRecord>;
  openMessages(name: WorkflowName, messages: readonly JournalMessage[]): Promise<JournalMessage[]>;
}

/** `label`: undefined for journals in clear. Sealed values of other workflows are opened all the same. */
export function createSealedJournals(
  sealer: BindingContext["sealer"],
  label: string | undefined,
): SealedJournals {
  const seals: JournalSeals = {
    seal: (one, place, text) => createSealing(sealer, one).sealText(text, place),
    // A text that is not sealed is refused by its own code, under any label.
    open: (one, place, sealed) =>
      createSealing(sealer, one ?? labelOfSealed(sealed) ?? "none").openText(sealed, place),
  };
  const of = (name: WorkflowName) => new SealedJournal(seals, label, name);
  return {
    sealInput: (name, input) => of(name).sealInput(input),
    async sealRecord(name, record, after) {
      if (label === undefined) return record;
      return JSON.stringify(await of(name).sealRecord(JSON.parse(record) as WorkflowRecord, after));
    },
    openRecord: (name, record) => telling(of(name).openRecord(record)),
    openMessages: (name, messages) => telling(of(name).openMessages(messages)),
  };
}
