/** docs/benchmarks.md has the rows that the bench has. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { identify } from "./frame/page.ts";
import { rowsOf, SECTIONS } from "./sections.ts";

const page = readFileSync(new URL("../docs/benchmarks.md", import.meta.url), "utf8");
const rows = Object.entries(SECTIONS).flatMap(([section, of]) =>
  rowsOf(of, (full) => full).map((row) => ({ section, row })),
);

describe("docs/benchmarks.md", () => {
  it("has every row of the bench with its targets, as `npm run bench:page` writes them", () => {
    const expected = rows
      .filter(({ row }) => !row.name.endsWith("CPU time of a request"))
      .map(({ section, row }) => identify(section, row).join(" | "));
    const table = page.slice(page.indexOf("<!-- rows -->"), page.indexOf("<!-- end of rows -->"));
    const lines = table.split("\n").filter((line) => line.startsWith("| `"));
    expect(lines.map((line) => line.split(" | ").slice(0, 3).join(" | ").slice(2))).toEqual(expected);
  });
});

describe("the rows of the bench", () => {
  it("have names of their own, at full size and in the quick form", () => {
    const quick = Object.values(SECTIONS).flatMap((section) => rowsOf(section, (_full, size) => size));
    for (const names of [rows.map(({ row }) => row.name), quick.map(({ name }) => name)])
      expect(new Set(names).size).toBe(names.length);
  });
});
