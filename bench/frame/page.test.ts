import { describe, expect, it } from "vitest";
import { renderAccount, renderCores, renderRows, replacePart } from "./page.ts";
import { figureOf, type Result } from "./row.ts";

const row = {
  name: "GET hello",
  unit: "requests/s",
  targets: [
    { atLeast: 2, of: "workerd" },
    { atLeast: 1, of: "relay" },
  ],
};
const sections = new Map([
  ["warm", [row, { name: "GET hello: CPU time of a request", unit: "µs", targets: [] }]],
  ["cold", [{ name: "cold request", unit: "ms", targets: [{ atMost: 10 }] }]],
]);
const results: Result[] = [
  {
    ...row,
    figures: {
      narun: figureOf([{ value: 90 }, { value: 100 }, { value: 110 }]),
      workerd: figureOf([{ value: 40 }]),
    },
    targets: [
      { atLeast: 2, of: "workerd", verdict: "reached", ratio: 2.5 },
      { atLeast: 1, of: "relay", verdict: "skipped", why: "relay was not measured" },
    ],
  },
  {
    name: "GET hello: CPU time of a request",
    unit: "µs",
    figures: { gateway: figureOf([{ value: 20 }]), host: figureOf([{ value: 30 }]) },
    targets: [],
  },
];

describe("the tables of the page", () => {
  it("have a line for each row: its targets, the figures, and a verdict on each target", () => {
    expect(renderRows(sections, results).split("\n").slice(2)).toEqual([
      "| `warm` | GET hello | ≥ 2 × `workerd`, ≥ 1 × `relay` | 100 requests/s (20 %) | workerd 40.0 requests/s | reached at 2.50 × `workerd`; skipped: relay was not measured |",
      "| `cold` | cold request | ≤ 10 ms |  |  |  |",
      "",
    ]);
  });

  it("have the CPU time of a request by process", () => {
    expect(renderAccount(results)).toBe(
      "| load | gateway | host |\n| --- | --- | --- |\n| GET hello | 20.0 µs | 30.0 µs |\n",
    );
    expect(renderAccount([])).toBe("Not measured yet.\n");
  });

  it("have the rates that more cores allow", () => {
    expect(renderCores(results)).toContain("| GET hello | 8 | 160,000 | 4, 5 | 33,300 |\n");
  });
});

describe("a part of the page", () => {
  const page = "before\n<!-- rows -->\nold\n<!-- end of rows -->\nafter\n";

  it("is what stands between its marks", () => {
    expect(replacePart(page, "rows", "new\n")).toBe(
      "before\n<!-- rows -->\n\nnew\n\n<!-- end of rows -->\nafter\n",
    );
  });

  it("must be there", () => {
    expect(() => replacePart(page, "cores", "new\n")).toThrow("the page has no part cores");
  });
});
