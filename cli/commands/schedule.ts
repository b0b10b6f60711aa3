import { NarunError, type RunRecord, type ScheduleKey } from "../../contracts/index.ts";
import { type Nats, readLogs } from "../../nats/index.ts";
import { loadScheduleOrders, type ScheduleOrder, type ScheduleSummary } from "../../triggers/index.ts";
import { type CommandContext, defineCommand } from "../command/define-command.ts";
import { openLogLine } from "../open-log-line.ts";
import { type OpenSealed, openerOf } from "../open-sealed.ts";
import { asText, toggle, value } from "../options/option.ts";
import { keysAs, keysDir, keysPassphrase } from "../options/storage.ts";
import { oneOf, wrongUse } from "../options/values.ts";
import { formatAge } from "../output/format-time.ts";
import type { Output } from "../output/output.ts";
import { describeRun, factsOfRun, factsOfSchedule, lateness, timesOf } from "../output/schedules.ts";
import { untilStopped } from "../until-stopped.ts";

const ACTIONS = ["ls", "show", "run", "pause", "resume"] as const;

const scheduleOptions = {
  run: value({ flag: "--run <id>", help: "show: this run, with its result and its log", parse: asText }),
  detach: toggle({ flag: "--detach", help: "run: do not wait for the end" }),
  ...{ keysAs, keysDir, keysPassphrase },
};

type Context = CommandContext<typeof scheduleOptions>;

export const scheduleCommand = defineCommand({
  usage: "schedule <action> [name] [schedule]",
  says: "ls, show, run, pause or resume the schedules of functions",
  options: scheduleOptions,
  examples: [
    ["narun schedule ls", "the next tick of each, and how the last one ended"],
    ["narun schedule show report nightly", "the next ticks, and the last runs"],
    ["narun schedule show report nightly --run 2026-11-30T02:00:00Z", "its result, its error and its log"],
    ["narun schedule run report nightly", "now; waits for the end, and fails where the run does"],
    [
      "narun schedule pause report nightly",
      "until `narun schedule resume report nightly`, over restarts and pushes",
    ],
  ],
  async run({ action, name, schedule }, context) {
    const chosen = oneOf(ACTIONS)({ text: action, source: { kind: "flag", name: "narun schedule" } });
    if (chosen !== "show" && context.options.run !== undefined) throw wrongUse("--run goes with show");
    if (chosen !== "run" && context.options.detach) throw wrongUse("--detach goes with run");
    if (chosen === "ls") return list(context, name);
    if (name === undefined) throw wrongUse(`narun schedule ${chosen} needs the name of a function`);
    if (chosen === "show") return show(context, name, schedule);
    if (chosen === "run") return runNow(context, name, schedule);
    const { pauseSchedule, resumeSchedule } = await loadScheduleOrders();
    const order = chosen === "pause" ? pauseSchedule : resumeSchedule;
    return showOrder(context.output, chosen, await order(await context.connect(), name, schedule));
  },
});

async function list({ output, connect }: Context, name: string | undefined): Promise<void> {
  const { listSchedules } = await loadScheduleOrders();
  const rows = await listSchedules(await connect(), name);
  if (output.isJson) return output.json(rows.map(factsOfSchedule));
  if (rows.length === 0) return output.note("No schedules. `schedule:` in narun.yaml makes one.");
  const { bold, yellow } = output.colours;
  output.table<ScheduleSummary>(
    [
      { title: "FUNCTION", value: (row) => row.function, colour: bold },
      { title: "SCHEDULE", value: (row) => row.schedule },
      { title: "CRON", value: ({ definition }) => definition.cron },
      { title: "ZONE", value: ({ definition }) => definition.zone ?? "UTC" },
      {
        title: "NEXT",
        value: (row) => (row.isPaused ? "paused" : nextOf(row)),
        colour: (text) => (text === "paused" ? yellow(text) : text),
      },
      { title: "LAST", value: lastOf },
    ],
    rows,
  );
}

function lastOf({ isSeen, last }: ScheduleSummary): string {
  if (!isSeen) return "not seen by a node yet";
  return last === undefined ? "" : describeRun(last);
}

function nextOf({ upcoming: [next], definition }: ScheduleSummary): string {
  return next === undefined ? "" : timesOf(next, definition.zone).local;
}

async function show(context: Context, name: string, schedule: string | undefined): Promise<void> {
  const { output, connect, options } = context;
  const { showSchedule } = await loadScheduleOrders();
  const nats = await connect();
  const { summary, runs } = await showSchedule(nats, name, schedule);
  if (options.run !== undefined) {
    using opener = openerOf(nats, options);
    const run = findRun(runs, options.run);
    return showRun(output, run, { summary, lines: await linesOf(nats, summary.function, run, opener.open) });
  }
  if (output.isJson) return output.json({ ...factsOfSchedule(summary), runs: runs.map(factsOfRun) });
  const { definition, isPaused, running, queued } = summary;
  output.line(`${output.colours.bold(summary.function)}  ${summary.schedule}`);
  output.line(`cron     ${definition.cron}${definition.zone === undefined ? "" : `  (${definition.zone})`}`);
  output.line(
    `missed   ${definition.missed}\noverlap  ${definition.overlap}\nretries  ${definition.retries}`,
  );
  if (isPaused) output.line(`state    ${output.colours.yellow("paused")}`);
  if (running.length > 0)
    output.line(`running  ${running.join(", ")}${queued > 0 ? `; ${queued} wait` : ""}`);
  for (const [at, tick] of summary.upcoming.entries()) {
    const { local, utc } = timesOf(tick, definition.zone);
    output.line(`${at === 0 ? "next   " : "       "}  ${local}  ${utc}`);
  }
  if (runs.length === 0) return output.note("It has not run yet.");
  output.line();
  showRuns(output, runs);
}

function showRuns(output: Output, runs: readonly RunRecord[]): void {
  const { green, red, yellow } = output.colours;
  output.table<RunRecord>(
    [
      { title: "RUN", value: ({ id }) => id },
      {
        title: "OUTCOME",
        value: describeRun,
        colour: (text) =>
          text === "ok" ? green(text) : /^(?:failed|lost)/.test(text) ? red(text) : yellow(text),
      },
      { title: "LATE", value: lateness, align: "right" },
      { title: "TOOK", value: tookOf, align: "right" },
      { title: "ATTEMPTS", value: ({ attempts }) => String(attempts ?? ""), align: "right" },
      { title: "NODE", value: ({ node }) => node ?? "" },
      {
        title: "ENDED",
        value: ({ endedMs }) => `${formatAge(new Date(endedMs).toISOString())} ago`,
        align: "right",
      },
    ],
    runs.toReversed(),
  );
}

function tookOf({ startedMs, endedMs }: RunRecord): string {
  return startedMs === undefined ? "" : `${endedMs - startedMs}ms`;
}

function findRun(runs: readonly RunRecord[], id: string): RunRecord {
  const run = runs.findLast((one) => one.id === id);
  if (run !== undefined) return run;
  throw new NarunError("SCHEDULE_NOT_FOUND", {
    detail: `no run ${id} is kept; \`narun schedule show\` lists them`,
  });
}

/** How much earlier and later lines of a run may have been stored: clocks differ. */
const CLOCKS_MS = 10_000;

interface LogText {
  time: string;
  level: string | undefined;
  text: string;
}

function showRun(
  output: Output,
  run: RunRecord,
  { summary, lines }: { summary: ScheduleSummary; lines: readonly LogText[] },
): void {
  if (output.isJson) {
    output.json({ ...factsOfRun(run), log: lines });
    return;
  }
  output.line(`${output.colours.bold(summary.function)}  ${summary.schedule}  ${run.id}`);
  output.line(`outcome  ${describeRun(run)}`);
  if (run.node !== undefined) output.line(`node     ${run.node}, attempt ${run.attempts}, ${tookOf(run)}`);
  if (run.result !== undefined) output.line(`result   ${JSON.stringify(run.result)}`);
  if (run.error !== undefined) output.line(run.error.stack ?? run.error.message);
  if (lines.length > 0) output.line(`\n${lines.map(({ time, text }) => `${time}  ${text}`).join("\n")}`);
}

async function linesOf(
  nats: Nats,
  name: string,
  { requestId, startedMs, endedMs }: RunRecord,
  open: OpenSealed,
): Promise<LogText[]> {
  if (requestId === undefined || startedMs === undefined) return [];
  const since = new Date(startedMs - CLOCKS_MS);
  const lines = await Array.fromAsync(
    readLogs(nats, { app: name, since, until: new Date(endedMs + CLOCKS_MS) }),
  );
  const own = lines.filter(({ request_id }) => request_id === requestId);
  const shown = await Promise.all(own.map((line) => openLogLine(line, open)));
  return shown.map(({ line: { timestamp, level, message } }) => ({ time: timestamp, level, text: message }));
}

async function runNow(context: Context, name: string, schedule: string | undefined): Promise<void> {
  const { output, connect, options } = context;
  const { awaitRun, runSchedule } = await loadScheduleOrders();
  const nats = await connect();
  const { key, id } = await runSchedule(nats, name, schedule);
  if (options.detach) {
    if (output.isJson) return output.json({ ...key, run: id });
    return output.line(`${output.colours.bold(key.function)}  ${key.schedule}  ${id}`);
  }
  const stopping = new AbortController();
  const { stopped } = untilStopped();
  void stopped.then(() => stopping.abort());
  const progress = output.progress(`running ${key.function}`);
  const run = await awaitRun(nats, key, id, stopping.signal).finally(() => progress.end());
  if (run === undefined) return output.note("The run goes on.");
  if (output.isJson) {
    output.json({ ...key, ...factsOfRun(run) });
    if (run.outcome !== "ok") process.exitCode = 1;
  } else showEnd(output, key, run);
}

function showEnd(output: Output, key: ScheduleKey, run: RunRecord): void {
  output.line(
    `${output.colours.bold(key.function)}  ${key.schedule}  ${run.id}  ${describeRun(run)}  ${tookOf(run)}`,
  );
  if (run.result !== undefined) output.line(JSON.stringify(run.result));
  if (run.outcome === "ok") return;
  const why = run.error?.message ?? run.code ?? run.outcome;
  throw new NarunError("SCHEDULE_RUN_FAILED", { detail: why, name: key.function });
}

function showOrder(output: Output, action: "pause" | "resume", order: ScheduleOrder): void {
  if (output.isJson) {
    output.json({ ...order, paused: action === "pause" });
    return;
  }
  const state = action === "pause" ? "paused" : "resumed";
  output.line(`${output.colours.bold(order.function)}  ${order.schedule}  ${state}`);
  if (!order.changed) output.note(action === "pause" ? "It was paused already." : "It was not paused.");
}
