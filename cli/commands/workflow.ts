import { NarunError, type WorkflowRecord } from "../../contracts/index.ts";
import {
  listWorkflows,
  orderWorkflow,
  removeWorkflow,
  resultOfWorkflow,
  showWorkflow,
  startWorkflow,
  type WorkflowFacts,
  type WorkflowHistory,
  type WorkflowOrder,
} from "../../control/index.ts";
import type { Nats } from "../../nats/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { openerOf } from "../open-sealed.ts";
import { asText, toggle, value } from "../options/option.ts";
import { keysAs, keysDir, keysPassphrase } from "../options/storage.ts";
import { oneOf, parseMoment, parseWait, wrongUse } from "../options/values.ts";
import { formatAge, formatTime } from "../output/format-time.ts";
import type { Output } from "../output/output.ts";
import { timelineLines, valueText } from "../output/timeline.ts";

const ORDERS = ["cancel", "pause", "resume", "retry", "migrate"] as const;
const ACTIONS = ["ls", "start", "show", "result", "signal", ...ORDERS, "rm"] as const;
const STATES = [
  ...["running", "waiting", "paused", "stuck", "continued"],
  ...["done", "failed", "cancelled"],
] as const;

const workflowOptions = {
  data: value({
    flag: "-d, --data <json>",
    help: "start, signal: the input or the payload, JSON",
    parse: asText,
  }),
  state: value({ flag: "--state <state>", help: "ls: only those in this state", parse: oneOf(STATES) }),
  since: value({
    flag: "--since <time>",
    help: "ls: those that got there since then: 10m, 2h, 1d, or a time in ISO 8601",
    parse: parseMoment,
  }),
  wait: value({ flag: "--wait <time>", help: "result: how long to wait for the end", parse: parseWait }),
  signalId: value({ flag: "--signal-id <id>", help: "signal: counts once for an id", parse: asText }),
  ...{ keysAs, keysDir, keysPassphrase },
  force: toggle({ flag: "--force", help: "rm: also one that has not ended" }),
};

type Context = CommandContext<typeof workflowOptions>;
interface Target {
  workflow: string;
  id: string;
}

export const workflowCommand = defineCommand({
  usage: "workflow <action> [target...]",
  says: "ls, start, show, signal, cancel and more for durable workflows",
  options: workflowOptions,
  examples: [
    ["narun workflow ls orders --state waiting", ""],
    ["narun workflow start orders order-17 --data '{\"item\":1}'", ""],
    ["narun workflow show orders order-17", "its time line: steps, attempts, waits"],
    ["narun workflow result orders order-17 --wait 30s", ""],
    ["narun workflow signal orders order-17 approved --data true", ""],
    ["narun workflow cancel orders order-17", "also pause, resume, retry, rm"],
    ["narun workflow migrate orders order-17", "to the live revision"],
  ],
  async run({ action, target }, context) {
    const chosen = oneOf(ACTIONS)({ text: action, source: { kind: "flag", name: "narun workflow" } });
    const [workflow, id, signal, ...more] = target;
    if (more.length > 0) throw wrongUse(`narun workflow ${chosen} has too many arguments`);
    if (chosen === "ls") return list(await context.connect(), context, workflow);
    if (workflow === undefined || (id === undefined && chosen !== "start"))
      throw wrongUse(`narun workflow ${chosen} needs the function's name and the workflow's id`);
    const name = { workflow, id: id ?? crypto.randomUUID() };
    if (chosen === "signal" && signal === undefined)
      throw wrongUse("narun workflow signal needs the name of the event");
    return act(chosen, name, signal ?? "", context);
  },
});

async function act(
  action: Exclude<(typeof ACTIONS)[number], "ls">,
  name: Target,
  signal: string,
  context: Context,
): Promise<void> {
  const { output, options } = context;
  const nats = await context.connect();
  using opener = openerOf(nats, options);
  const { seals } = opener;
  switch (action) {
    case "start": {
      const isNew = await startWorkflow(nats, name, readData(options.data), seals);
      return tell(output, { ...name, isNew }, isNew ? `started ${name.id}` : `${name.id} is there already`);
    }
    case "show":
      return show(output, await showWorkflow(nats, name, seals));
    case "result":
      return result(output, name, await resultOfWorkflow(nats, name, options.wait ?? 0, seals));
    case "signal": {
      const payload = readData(options.data);
      const order: WorkflowOrder = {
        ...{ order: "signal", name: signal },
        ...(payload === undefined ? {} : { payload }),
      };
      const { signalId } = options;
      await orderWorkflow(nats, name, order, {
        ...(signalId !== undefined && { signalId }),
        ...(seals && { seals }),
      });
      return tell(output, { ...name, signal }, `sent ${signal}`);
    }
    case "rm":
      await removeWorkflow(nats, name, options.force);
      return tell(output, { ...name, removed: true }, `removed ${name.id}`);
    default:
      await orderWorkflow(nats, name, { order: action });
      return tell(output, { ...name, order: action }, `sent ${action}`);
  }
}

function readData(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw wrongUse(`--data is no JSON: ${text.slice(0, 100)}`);
  }
}

function tell(output: Output, facts: object, line: string): void {
  if (output.isJson) output.json(facts);
  else output.line(line);
}

async function list(nats: Nats, { output, options }: Context, workflow: string | undefined): Promise<void> {
  const { state, since } = options;
  const found: WorkflowFacts[] = await Array.fromAsync(listWorkflows(nats, { workflow, state, since }));
  if (output.isJson) return output.json(found);
  if (found.length === 0) return output.note("No workflows.");
  output.table(
    [
      { title: "FUNCTION", value: (row) => row.workflow, colour: output.colours.bold },
      { title: "ID", value: (row) => row.id },
      { title: "STATE", value: (row) => row.state },
      { title: "SINCE", value: (row) => formatAge(new Date(row.at).toISOString()), align: "right" },
      { title: "DUE", value: (row) => (row.due === undefined ? "" : timeOf(row.due)) },
      { title: "ERROR", value: (row) => row.error?.message.split("\n")[0] ?? "", isExtra: true },
    ],
    found,
  );
}

function show(output: Output, history: WorkflowHistory): void {
  if (output.isJson) {
    output.json(history);
    return;
  }
  const name = history;
  const { state, due, error, result: value, revision } = history;
  output.line(`${output.colours.bold(`${name.workflow} ${name.id}`)}  ${state}`);
  output.line(`started   ${timeOf(history.startedAt)}`);
  if (revision !== undefined) output.line(`revision  ${revision.slice(0, 12)}`);
  if (due !== undefined) output.line(`due       ${timeOf(due)}`);
  if (error !== undefined) output.line(`error     ${error.code ?? error.name}: ${error.message}`);
  if (state === "done") output.line(`result    ${valueText(value)}`);
  output.line("");
  for (const line of timelineLines(history, Date.now())) output.line(line);
}

function result(output: Output, name: Target, record: WorkflowRecord | undefined): void {
  if (record?.state === "done") {
    output.json(record.value ?? null);
    return;
  }
  const detail = record?.fault?.message;
  if (record?.state === "failed")
    throw new NarunError("WORKFLOW_FAILED", detail === undefined ? {} : { detail });
  if (record?.state === "cancelled") throw new NarunError("WORKFLOW_CANCELLED");
  throw new NarunError("WORKFLOW_RUNS", {
    detail: `${name.workflow} ${name.id} is ${record?.state ?? "running"}`,
  });
}

function timeOf(at: number): string {
  return formatTime(new Date(at).toISOString());
}
