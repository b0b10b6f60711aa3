import type { JournalMessage, WorkflowInput, WorkflowRecord } from "../contracts/index.ts";
import type { Journals, WorkflowName } from "../nats/index.ts";

/** Sends a child's result to the workflow that started it. It may come twice: the parent takes the first. */
export async function tellParent(
  journals: Journals,
  { id }: WorkflowName,
  messages: readonly JournalMessage[],
  record: WorkflowRecord,
): Promise<void> {
  const start = messages.find((message) => message.in?.t === "start")?.in;
  if (start?.t !== "start" || start.parent === undefined) return;
  const { workflow, id: parent, n } = start.parent;
  const { state, value, fault } = record;
  const result =
    state === "done"
      ? value === undefined
        ? {}
        : { ok: value }
      : { fault: fault ?? { name: "Error", message: state } };
  const input: WorkflowInput = { t: "child", n, child: id, ...result };
  await journals.send({ workflow, id: parent }, input);
}
