/** The tables of docs/benchmarks.md. No I/O. */
import { inUnit } from "../figures.ts";
import { type Costs, formatCores } from "./cores.ts";
import { type Figure, type Judged, OURS, type Result, type Row, type Target } from "./row.ts";
import { formatTarget } from "./table.ts";

/** The rows of each section, in the order of a run. */
export type Sections = ReadonlyMap<string, readonly Row[]>;

/** One line for each row of every section. A row without a result has empty cells. */
export function renderRows(sections: Sections, results: readonly Result[]): string {
  const head = [
    ["section", "row", "target", "narun", "peers", "verdict"],
    ["---", "---", "---", "---", "---", "---"],
  ];
  const resultOf = new Map(results.map((result) => [result.name, result]));
  const lines = [...sections].flatMap(([section, rows]) =>
    rows
      .filter((row) => !isAccount(row))
      .map((row) => [...identify(section, row), ...measuredCells(row, resultOf.get(row.name))]),
  );
  return formatLines([...head, ...lines]);
}

/** The cells that say which row it is: the section, the name and the targets. */
export function identify(section: string, { name, unit, targets }: Row): [string, string, string] {
  const target = (one: Target) => formatTarget(one, unit).replace(/(?<=× )(.+)$/, "`$1`");
  return [`\`${section}\``, name, targets.map(target).join(", ")];
}

function measuredCells({ unit }: Row, result: Result | undefined): string[] {
  if (result === undefined || result.figures[OURS] === undefined) return ["", "", verdictsOf(result)];
  const { [OURS]: ours, ...peers } = result.figures;
  const peerCells = Object.entries(peers).map(([name, figure]) => `${name} ${formatFigure(figure, unit)}`);
  return [formatFigure(ours, unit), peerCells.join("; "), verdictsOf(result)];
}

function formatFigure({ median, spread, errors }: Figure, unit: string): string {
  const remarks = [
    spread > 0 ? `${Math.round(spread * 100)} %` : "",
    errors > 0 ? `${errors} errors` : "",
  ].filter((remark) => remark !== "");
  return remarks.length === 0 ? inUnit(median, unit) : `${inUnit(median, unit)} (${remarks.join(", ")})`;
}

function verdictsOf(result: Result | undefined): string {
  return (result?.targets ?? []).map(formatVerdict).join("; ");
}

function formatVerdict({ verdict, ratio, of, why }: Judged): string {
  const measured = ratio === undefined ? "" : ` at ${ratio.toFixed(2)} × \`${of}\``;
  return why === undefined ? `${verdict}${measured}` : `${verdict}: ${why}`;
}

/** The rows that account for the CPU time of a request by process. They have no figure of narun as a whole. */
const ACCOUNT = ": CPU time of a request";

function isAccount({ name }: Pick<Row, "name">): boolean {
  return name.endsWith(ACCOUNT);
}

/** One line for each load, one column for each process of narun and for each peer. */
export function renderAccount(results: readonly Result[]): string {
  const accounts = results.filter(isAccount);
  const columns = [...new Set(accounts.flatMap(({ figures }) => Object.keys(figures)))];
  if (columns.length === 0) return "Not measured yet.\n";
  const lines = accounts.map(({ name, unit, figures }) => [
    name.slice(0, -ACCOUNT.length),
    ...columns.map((column) => (figures[column] === undefined ? "" : inUnit(figures[column].median, unit))),
  ]);
  return formatLines([["load", ...columns], ["load", ...columns].map(() => "---"), ...lines]);
}

/** The bounds of other machines, calculated from the accounts. */
export function renderCores(results: readonly Result[]): string {
  const accounts = results.filter(isAccount).map(({ name, figures }) => ({
    load: name.slice(0, -ACCOUNT.length),
    costs: costsOf(figures),
  }));
  return accounts.length === 0 ? "Not measured yet.\n" : formatLines(formatCores(accounts));
}

function costsOf(figures: Result["figures"]): Costs {
  const of = (role: string) => figures[role]?.median ?? 0;
  return { gateway: of("gateway"), host: of("host"), natsServer: of("nats-server") };
}

function formatLines(lines: readonly (readonly string[])[]): string {
  return lines.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

/** Replaces the text between the marks `<!-- NAME -->` and `<!-- end of NAME -->`. Throws if they are missing. */
export function replacePart(page: string, name: string, text: string): string {
  const [start, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`the page has no part ${name}`);
  return `${page.slice(0, from + start.length)}\n${text}\n${page.slice(to)}`;
}
