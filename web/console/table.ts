/** `console.table`: rows and columns in a box of lines. */
import { PLATFORM_FILE } from "../host/boundary.ts";
import { inspect } from "./format.ts";
import { textOrReason } from "./library-hooks.ts";
import { proxyTargetOf } from "./proxies.ts";

/** Upper bounds of a table that a person can read. */
const MAX_ROWS = 1_000;
const MAX_COLUMNS = 100;
const VALUES = "Values";
/** The platform's frames in a stack. They are removed here: the host removes them by line, and a cell has no lines. */
const PLATFORM_FRAME = new RegExp(`\\n\\s+at [^\\n]*${PLATFORM_FILE}:\\d+:\\d+\\)?`, "g");

type Row = Map<string, string>;

/** The table, or undefined for a value without rows. `properties` names the only columns that are shown. */
export function formatTable(given: unknown, properties: readonly string[] | undefined): string | undefined {
  const data = proxyTargetOf(given);
  if (typeof data !== "object" || data === null) return undefined;
  const { indexName, entries } = rowsOf(data);
  const rows = entries.slice(0, MAX_ROWS).map(([index, given, key]): Row => {
    const value = proxyTargetOf(given);
    const row: Row = new Map([[indexName, index]]);
    if (key !== undefined) row.set("Key", key);
    if (typeof value !== "object" || value === null) return properties ? row : row.set(VALUES, cell(value));
    for (const name of properties ?? Object.keys(value).slice(0, MAX_COLUMNS))
      if (Object.hasOwn(value, name)) row.set(name, property(value, name));
    return row;
  });
  const names = new Set([indexName, ...rows.flatMap((row) => [...row.keys()]), ...(properties ?? [])]);
  // The column of plain values is last, wherever the first of them was.
  if (names.delete(VALUES)) names.add(VALUES);
  const columns = [...names].slice(0, MAX_COLUMNS);
  const box = drawBox(
    columns,
    rows.map((row) => columns.map((name) => row.get(name) ?? "")),
  );
  const more = entries.length - rows.length;
  return more > 0 ? `${box}\n… and ${more} more rows` : box;
}

/** Each row: its name, its value, and its key if it comes from a map. */
function rowsOf(data: object): { indexName: string; entries: [string, unknown, string?][] } {
  if (data instanceof Map) {
    const entries = [...data].map(([key, value], at): [string, unknown, string] => [
      `${at}`,
      value,
      cell(key),
    ]);
    return { indexName: "(iteration index)", entries };
  }
  if (data instanceof Set)
    return { indexName: "(iteration index)", entries: [...data].map((value, at) => [`${at}`, value]) };
  return { indexName: "(index)", entries: Object.keys(data).map((key) => [key, data[key as keyof object]]) };
}

/** A getter that throws replaces its own cell alone. */
function property(value: object, name: string): string {
  return textOrReason(() => cell((value as Record<string, unknown>)[name]));
}

function cell(value: unknown): string {
  return inspect(value, {
    depth: 0,
    maxArrayLength: 3,
    maxStringLength: 200,
    breakLength: Infinity,
  })
    .replaceAll(PLATFORM_FRAME, "")
    .replaceAll("\n", " ");
}

function drawBox(columns: readonly string[], rows: readonly string[][]): string {
  const widths = columns.map((name, at) => Math.max(width(name), ...rows.map((row) => width(row[at] ?? ""))));
  const line = (left: string, middle: string, right: string) =>
    left + widths.map((size) => "─".repeat(size + 2)).join(middle) + right;
  const texts = (row: readonly string[]) =>
    `│${row.map((text, at) => ` ${text}${" ".repeat((widths[at] ?? 0) - width(text))} `).join("│")}│`;
  return [
    line("┌", "┬", "┐"),
    texts(columns),
    line("├", "┼", "┤"),
    ...rows.map(texts),
    line("└", "┴", "┘"),
  ].join("\n");
}

/** The number of code points. Wide characters count as one. */
function width(text: string): number {
  return [...text].length;
}
