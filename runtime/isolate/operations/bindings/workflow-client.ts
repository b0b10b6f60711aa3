/** The operations of the binding `workflow`: another function's workflows. */
import { isFinal } from "../../../../contracts/index.ts";
import { Journals } from "../../../../nats/index.ts";
import { CallError, type HostOperations } from "../../process/host-calls.ts";
import type { BindingContext } from "./binding-context.ts";
import { inTrace, readId, readInput, readPayload, readWait } from "./workflow-arguments.ts";

/** Room for the headers of a message beside its payload. */
const MAX_HEADER_BYTES = 16 * 1024;

export function createWorkflowClientOperations({
  streams: { nats },
  declared,
}: BindingContext): HostOperations {
  const journals = new Journals(nats);
  const nameOf = (binding: unknown, id: unknown) => ({
    workflow: declared("workflow", binding).workflow,
    id: readId(id),
  });
  const readText = (value: unknown, label: string) =>
    readInput(readPayload(value, label, nats.maxPayload - MAX_HEADER_BYTES));
  return {
    "workflows.start": ([binding, id, input], { trace }) =>
      journals.send(nameOf(binding, id), inTrace(readText(input, "the input"), trace), true),
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
      await journals.send(name, input);
      return undefined;
    },
    "workflows.last": async ([binding, id, waitValue]) => {
      const name = nameOf(binding, id);
      const waitMs = readWait(waitValue);
      const last = waitMs > 0 ? await journals.end(name, waitMs) : await journals.last(name);
      return last === undefined ? undefined : JSON.stringify(last?.record ?? null);
    },
  };
}
