import { shortRevision } from "../../contracts/index.ts";
import {
  graphServices,
  listServices,
  type PauseResult,
  pauseService,
  resumeService,
  type ServiceEdge,
  type ServiceFacts,
  type ServiceSummary,
  showService,
  watchServices,
} from "../../control/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { oneOf, wrongUse } from "../options/values.ts";
import { formatAge, formatTime } from "../output/format-time.ts";
import type { Output } from "../output/output.ts";
import { untilStopped } from "../until-stopped.ts";

const ACTIONS = ["ls", "info", "pause", "resume", "graph", "watch"] as const;

type Context = CommandContext<Record<never, never>>;

export const servicesCommand = defineCommand({
  usage: "services <action> [name]",
  says: "ls, info, pause, resume, graph or watch the services",
  options: {},
  examples: [
    ["narun services ls", "their versions, states and instances"],
    ["narun services info orders", "its actions and events, and what it waits for"],
    [
      "narun services pause orders",
      "its requests wait, or are refused, until `narun services resume orders`",
    ],
    ["narun services graph", "who requires and calls whom"],
    ["narun services watch --json", "an event a line: appeared, changed, left"],
  ],
  async run({ action, name }, context) {
    const chosen = oneOf(ACTIONS)({ text: action, source: { kind: "flag", name: "narun services" } });
    const needsName = chosen === "info" || chosen === "pause" || chosen === "resume";
    if (needsName && name === undefined)
      throw wrongUse(`narun services ${chosen} needs the name of a service`);
    switch (chosen) {
      case "ls":
        return list(context);
      case "graph":
        return graph(context);
      case "watch":
        return watch(context);
      case "info":
        return info(context, await showService(await context.connect(), name ?? ""));
      case "pause":
        return showPause(context.output, await pauseService(await context.connect(), name ?? ""));
      case "resume":
        return showPause(context.output, await resumeService(await context.connect(), name ?? ""));
    }
  },
});

function colourOf({ colours }: Output, state: ServiceSummary["state"]): (text: string) => string {
  const { green, dim, yellow, red } = colours;
  if (state === "running") return green;
  if (state === "failed") return red;
  return state === "initialised" ? dim : yellow;
}

async function list({ output, connect }: Context): Promise<void> {
  const rows = await listServices(await connect());
  if (output.isJson) return output.json(rows);
  if (rows.length === 0) return output.note("No services. A function that exports `service({ … })` is one.");
  output.table<ServiceSummary>(
    [
      { title: "SERVICE", value: (row) => row.name, colour: output.colours.bold },
      { title: "VERSION", value: (row) => row.version },
      { title: "STATE", value: (row) => row.state, colour: (text, row) => colourOf(output, row.state)(text) },
      { title: "INSTANCES", value: (row) => String(row.instances), align: "right" },
      { title: "ACTIONS", value: (row) => String(row.actions), align: "right" },
      { title: "EVENTS", value: (row) => String(row.events), align: "right" },
      { title: "REQUIRES", value: (row) => row.requires.join(", ") || "-" },
    ],
    rows,
  );
  for (const row of rows) showTrouble(output, row);
}

function showTrouble(output: Output, row: Pick<ServiceSummary, "name" | "error" | "waitsFor">): void {
  const { red, yellow } = output.colours;
  if (row.error !== undefined) output.line(red(`${row.name}: ${row.error}`));
  if (row.waitsFor !== undefined) output.line(yellow(`${row.name} waits for ${row.waitsFor.join(", ")}`));
}

function info({ output }: Context, facts: ServiceFacts): void {
  if (output.isJson) {
    output.json(facts);
    return;
  }
  const { bold, dim } = output.colours;
  output.line(`${bold(facts.name)} ${facts.version}  ${colourOf(output, facts.state)(facts.state)}`);
  if (facts.description !== null) output.line(facts.description);
  output.line(`${dim("revision ")}  ${shortRevision(facts.revision)}`);
  output.line(
    `${dim("instances")}  ${facts.running.map(({ node, state }) => `${node} (${state})`).join(", ") || "none"}`,
  );
  if (facts.requires.length > 0) output.line(`${dim("requires ")}  ${facts.requires.join(", ")}`);
  if (facts.requiredBy.length > 0) output.line(`${dim("needed by")}  ${facts.requiredBy.join(", ")}`);
  if (facts.pausedSince !== null)
    output.line(
      `${dim("paused   ")}  for ${formatAge(facts.pausedSince)}; requests are ${pausedText(facts)}`,
    );
  showTrouble(output, facts);
  showEndpoints(output, facts);
}

function showEndpoints(output: Output, facts: Pick<ServiceFacts, "actions" | "events">): void {
  const { bold } = output.colours;
  if (facts.actions.length > 0) {
    output.line();
    output.table(
      [
        { title: "ACTION", value: (row) => row.name, colour: bold },
        { title: "SUBJECT", value: (row) => row.subject },
        { title: "HTTP", value: (row) => (row.path === undefined ? "-" : `${row.method} ${row.path}`) },
        { title: "MARKS", value: marksOf },
      ],
      facts.actions,
    );
  }
  if (facts.events.length === 0) return;
  output.line();
  output.table(
    [
      { title: "EVENT", value: (row) => row.pattern, colour: bold },
      { title: "SINCE", value: (row) => row.since },
      { title: "MARKS", value: (row) => (row.isDurable ? "durable" : "-") },
    ],
    facts.events,
  );
}

function pausedText({ whenPaused }: Pick<ServiceFacts, "whenPaused">): string {
  return whenPaused === "hold" ? "held" : "refused";
}

function marksOf({ isReadOnly, isIdempotent, isTool, encrypt }: ServiceFacts["actions"][number]): string {
  const marks = [
    isReadOnly && "read-only",
    isIdempotent && "idempotent",
    isTool && "tool",
    encrypt && `sealed for ${encrypt}`,
  ];
  return marks.filter((mark) => mark !== false && mark !== undefined).join(", ") || "-";
}

function showPause(output: Output, result: PauseResult): void {
  if (output.isJson) {
    output.json(result);
    return;
  }
  const state = result.pausedSince === null ? "goes on" : `is paused since ${formatTime(result.pausedSince)}`;
  output.line(`${output.colours.bold(result.name)}  ${state}${result.changed ? "" : ", as before"}`);
  if (!result.answering) output.note("A gateway has not read the change yet; it follows by itself.");
}

async function graph({ output, connect }: Context): Promise<void> {
  const found = await graphServices(await connect());
  if (output.isJson) return output.json(found);
  const { bold, dim, red } = output.colours;
  const names = new Set([...found.services, ...found.edges.map(({ from }) => from)]);
  if (names.size === 0) return output.note("No services.");
  for (const name of [...names].sort()) {
    output.line(bold(name));
    for (const edge of found.edges.filter(({ from }) => from === name))
      output.line(
        `  ${edge.kind} ${edge.to}${dim(byOf(edge))}${edge.isMissing === true ? red(" (not deployed)") : ""}`,
      );
  }
  for (const cycle of found.cycles) output.line(red(`a cycle: ${cycle.join(" → ")}`));
}

function byOf({ binding }: ServiceEdge): string {
  return binding === undefined ? "" : ` as env.${binding}`;
}

async function watch({ output, connect }: Context): Promise<void> {
  const { signal } = untilStopped();
  await watchServices(
    await connect(),
    (event) => {
      if (output.isJson) return output.json(event);
      const { at, service, event: kind } = event;
      const more =
        kind === "changed"
          ? event.changes.join(", ")
          : kind === "instance"
            ? `${event.node} ${event.state}`
            : "";
      output.line(
        `${output.colours.dim(formatTime(at))}  ${output.colours.bold(service)}  ${kind}  ${more}`.trimEnd(),
      );
    },
    signal,
  );
}
