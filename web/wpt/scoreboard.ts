/** The results of a run by folder, and how many of the same subtests pass in plain Node. */
import type { TestResult } from "./pool.ts";

export interface Row {
  folder: string;
  /** Tests: files, times their variants. */
  tests: number;
  pass: number;
  fail: number;
  timeout: number;
  notRun: number;
  /** Tests whose overall result is not OK. */
  harnessErrors: number;
  /** Subtests that pass in plain Node. Undefined if plain Node did not run. */
  nodePass: number | undefined;
  /** Subtests that fail in plain Node. */
  nodeFail: number;
  /** Subtests that pass in plain Node and in isolates. */
  alsoPass: number;
}

/** Folders whose sub-folders are standards of their own. */
const SPLIT = new Set(["dom", "fetch", "html", "wasm"]);

function folderOf(file: string): string {
  const [first = "", second = ""] = file.split("/");
  return SPLIT.has(first) ? `${first}/${second}` : first;
}

export function decideScoreboard(ours: readonly TestResult[], node: readonly TestResult[]): Row[] {
  const nodeById = new Map(node.map((result) => [result.id, result]));
  const folders = Map.groupBy(ours, ({ file }) => folderOf(file));
  return [...folders]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([folder, results]) => ({
      folder,
      ...count(results, nodeById),
    }));
}

export function totalOf(rows: readonly Row[]): Row {
  const total: Row = { ...EMPTY, folder: "all" };
  for (const row of rows) {
    for (const key of COUNTED) total[key] += row[key];
    if (row.nodePass !== undefined) total.nodePass = (total.nodePass ?? 0) + row.nodePass;
  }
  return total;
}

const EMPTY = {
  tests: 0,
  pass: 0,
  fail: 0,
  timeout: 0,
  notRun: 0,
  harnessErrors: 0,
  nodePass: undefined,
  nodeFail: 0,
  alsoPass: 0,
};
const COUNTED = [
  "tests",
  "pass",
  "fail",
  "timeout",
  "notRun",
  "harnessErrors",
  "nodeFail",
  "alsoPass",
] as const;

function count(results: readonly TestResult[], nodeById: Map<string, TestResult>): Omit<Row, "folder"> {
  const row: Omit<Row, "folder"> = { ...EMPTY, tests: results.length };
  for (const { id, status, subtests } of results) {
    if (status !== "OK") row.harnessErrors++;
    for (const subtest of subtests) {
      if (subtest.status === "PASS") row.pass++;
      else if (subtest.status === "TIMEOUT") row.timeout++;
      else if (subtest.status === "NOTRUN") row.notRun++;
      else row.fail++;
    }
    const inNode = nodeById.get(id);
    if (inNode === undefined) continue;
    const passing = new Set(subtests.filter(isPass).map(({ name }) => name));
    const wanted = inNode.subtests.filter(isPass);
    row.nodePass = (row.nodePass ?? 0) + wanted.length;
    row.nodeFail += inNode.subtests.length - wanted.length;
    row.alsoPass += wanted.filter(({ name }) => passing.has(name)).length;
  }
  return row;
}

const isPass = ({ status }: { status: string }) => status === "PASS";

/** The share of plain Node's passing subtests that pass in isolates. It is cut, not rounded: 100 % means all of them. */
export function shareOf({ nodePass, alsoPass }: Row): string {
  if (nodePass === undefined || nodePass === 0) return "-";
  return `${(Math.floor((1_000 * alsoPass) / nodePass) / 10).toFixed(1)} %`;
}

const HEADINGS = [
  "folder",
  "tests",
  "pass",
  "fail",
  "timeout",
  "not run",
  "harness errors",
  "Node passes",
  "Node fails",
  "of these here",
];

/** A Markdown table, padded for reading in a terminal as well. */
export function formatScoreboard(rows: readonly Row[]): string {
  const cells = [...rows, totalOf(rows)].map((row) => [
    row.folder,
    ...[row.tests, row.pass, row.fail, row.timeout, row.notRun, row.harnessErrors].map(String),
    ...(row.nodePass === undefined ? ["-", "-"] : [String(row.nodePass), String(row.nodeFail)]),
    shareOf(row),
  ]);
  const widths = HEADINGS.map((heading, i) =>
    Math.max(heading.length, ...cells.map((line) => line[i]?.length ?? 0)),
  );
  const format = (line: readonly string[]) =>
    `| ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [format(HEADINGS), rule, ...cells.map(format)].join("\n");
}
