/**
 * Writes the figures of a run into docs/benchmarks.md: `npm run bench -- --json > run.json`, `npm run bench:page run.json`.
 * Several files: a row has the figures of the last file that has the row.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderAccount, renderCores, renderRows, replacePart, type Sections } from "./frame/page.ts";
import type { Result } from "./frame/row.ts";
import { rowsOf, SECTIONS } from "./sections.ts";

const page = fileURLToPath(new URL("../docs/benchmarks.md", import.meta.url));
const files = process.argv.slice(2);
const measured = files.flatMap((file) => JSON.parse(readFileSync(file, "utf8")) as Result[]);
const results = [...new Map(measured.map((result) => [result.name, result])).values()];
const sections: Sections = new Map(
  Object.entries(SECTIONS).map(([name, section]) => [name, rowsOf(section, (full) => full)]),
);
const parts = {
  rows: renderRows(sections, results),
  account: renderAccount(results),
  cores: renderCores(results),
};
const text = Object.entries(parts).reduce(
  (whole, [name, part]) => replacePart(whole, name, part),
  readFileSync(page, "utf8"),
);
writeFileSync(page, text);
