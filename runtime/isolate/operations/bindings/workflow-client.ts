/** The operations of the binding `workflow`: another function's workflows. */
import { isFinal } from "../../../../contracts/index.ts";
import { Journals } from "../../../../nats/index.ts";
import { CallError, type HostOperations } from "../../process/host-calls.ts";
import type { BindingContext } from "./binding-context.ts";
import { createSealedJournals } from "./sealed-journals.ts";
import { inTrace, readId, readInput, readPayload, readWait } from "./workflow-arguments.ts";

/** Room for the headers of a message beside its payload. */
const MAX_HEADER_BYTES = 16 * 1024;

export function createWorkflowClientOperations({
  streams: { nats },
  declared,
  sealer,
}: BindingContext): HostOperations {
  const journals = new Journals(nats);
  const nameOf = (binding: unknown, id: unknown) => ({
    workflow: declared("workflow", binding).workflow,
    id: readId(id),
  });
  const readText = (value: unknown, label: string) =>
    readInput(readPayload(value, label, nats.maxPayload - MAX_HEADER_BYTES));
  const sealedOf = (binding: unknown) => createSealedJournals(sealer, declared("workflow", binding).seal);
  return {
    "workflows.start": async ([binding, id, inputValue], { trace }) => {
      const name = nameOf(binding, id);
      const input = inTrace(readText(inputValue, "the input"), trace);
      return journals.send(name, await sealedOf(binding).sealInput(name, input), true);
    },
    "workflows.send": async ([binding, id, inputValue]) => {
      const name = nameOf(binding, id);
      const input = readText(inputValue, "the payload");
      const last = await journals.last(name);
      if (last === undefined) throw new CallError("WorkflowNotFound", `there is no workflow ${name.id}`);
      if (last !== null && isFinal(last.record.state)) {
        // A sender whose answer was lost repeats it.
        if ("id" in input && (await journals.hasInput(name, input.id))) return undefined;
        throw new CallError("WorkflowEnded", `the workflow ${name.id} is ${last.record.state} already`);
      }
      await journals.send(name, await sealedOf(binding).sealInput(name, input));
      return undefined;
    },
    "workflows.last": async ([binding, id, waitValue]) => {
      const name = nameOf(binding, id);
      const waitMs = readWait(waitValue);
      const last = waitMs > 0 ? await journals.end(name, waitMs) : await journals.last(name);
      if (last === undefined || last === null) return last === null ? "null" : undefined;
      return JSON.stringify(await sealedOf(binding).openRecord(name, last.record));
    },
  };
}
