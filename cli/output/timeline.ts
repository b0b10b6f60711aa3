import { isSealedValue } from "../../contracts/index.ts";
import type { TimelineEntry, WorkflowHistory } from "../../control/index.ts";
import { labelOfSealed } from "../../keys/index.ts";

const BAR_WIDTH = 24;
const MAX_TEXT_LENGTH = 60;

/** The time line of a workflow: a line for each command and input, with its place in time. */
export function timelineLines({ timeline, startedAt, at }: WorkflowHistory, nowMs: number): string[] {
  const isOpen = timeline.some(({ kind, endedAt }) => endedAt === undefined && !INPUTS.has(kind));
  const endAt = Math.max(at, startedAt + 1, isOpen ? nowMs : 0);
  const place = (time: number) => Math.round(((time - startedAt) / (endAt - startedAt)) * (BAR_WIDTH - 1));
  const titles = timeline.map(({ kind, name }) => (name === "" ? kind : `${kind} ${name}`));
  const width = Math.max(0, ...titles.map(({ length }) => length));
  return timeline.map((entry, index) => {
    const from = place(entry.at);
    const to = INPUTS.has(entry.kind) ? from : place(entry.endedAt ?? endAt);
    const mark = INPUTS.has(entry.kind) ? "|" : entry.endedAt === undefined ? "." : "=";
    const bar = `${" ".repeat(from)}${mark.repeat(Math.max(1, to - from + 1))}`.padEnd(BAR_WIDTH);
    const offset = `+${formatMs(entry.at - startedAt)}`.padStart(9);
    const title = (titles[index] ?? "").padEnd(width);
    return `${offset}  ${title}  ${bar}  ${lengthOf(entry).padStart(8)}  ${endOf(entry)}`.trimEnd();
  });
}

const INPUTS: ReadonlySet<string> = new Set([
  ...["start", "signal", "cancel", "pause", "resume", "retry", "migrate"],
]);

function lengthOf({ kind, at, endedAt }: TimelineEntry): string {
  if (INPUTS.has(kind)) return "";
  return endedAt === undefined ? "open" : formatMs(endedAt - at);
}

function endOf({ failures, value, error }: TimelineEntry): string {
  const attempts = failures === 0 ? "" : `(${failures + 1} attempts) `;
  if (error !== undefined) return `${attempts}${shorten(`${error.name}: ${error.message}`)}`;
  return `${attempts}${value === undefined ? "" : shorten(valueText(value))}`;
}

/** A value as JSON. A sealed one shows for whom it is. */
export function valueText(value: unknown): string {
  if (!isSealedValue(value)) return JSON.stringify(value ?? null);
  return `(sealed for ${labelOfSealed(value["~sealed"]) ?? "nobody"})`;
}

function shorten(text: string): string {
  const [line = ""] = text.split("\n", 1);
  return line.length > MAX_TEXT_LENGTH ? `${line.slice(0, MAX_TEXT_LENGTH - 1)}…` : line;
}

function formatMs(ms: number): string {
  if (ms < 1_000) return `${ms}ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)}s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)}m`;
  return ms < 172_800_000 ? `${Math.round(ms / 3_600_000)}h` : `${Math.round(ms / 86_400_000)}d`;
}
