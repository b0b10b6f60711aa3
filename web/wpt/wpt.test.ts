import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decideScoreboard, formatScoreboard, shareOf, totalOf } from "./scoreboard.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const checkout = fileURLToPath(new URL("./fixtures/checkout", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "narun-wpt-test-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Output {
  rows: {
    folder: string;
    tests: number;
    pass: number;
    fail: number;
    timeout: number;
    harnessErrors: number;
  }[];
  skipped: string[];
  failures: { id: string; subtest: string; status: string; message: string; reason?: string }[];
  unexpected: { subtest: string }[];
  unmet: string[];
}

interface Run {
  code: number;
  output: Output;
}

/** Runs the command on a made-up checkout. */
function wpt(...args: string[]): Promise<Run> {
  const all = [main, "--dir", checkout, "--json", "--timeout", "1500", "--store", folder, ...args];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, all, { maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (stdout === "") reject(new Error(stderr));
      else resolve({ code: typeof error?.code === "number" ? error.code : 0, output: JSON.parse(stdout) });
    });
  });
}

async function expectations(text: string): Promise<string[]> {
  const file = join(folder, "expectations.yaml");
  await writeFile(file, text);
  return ["--expectations", file];
}

describe("npm run wpt", () => {
  let everything: Run;
  beforeAll(async () => {
    everything = await wpt(...(await expectations("expected: []")), "made-up");
  });

  const failuresOf = (name: string) =>
    everything.output.failures.filter(({ id }) => id.startsWith(`made-up/${name}.any.js`));

  it("counts by folder, and skips what is for pages", () => {
    expect(everything.output.skipped).toEqual(["made-up/page.any.js"]);
    expect(everything.output.rows).toMatchObject([
      { folder: "made-up", tests: 8, pass: 10, fail: 1, timeout: 1, harnessErrors: 3 },
    ]);
  });

  it("runs tests that pass: variants, included scripts, waits and fetches", () => {
    for (const name of ["passing", "variants", "include"]) expect(failuresOf(name)).toEqual([]);
  });

  it("tells each failure by name, with what the test says", () => {
    expect(failuresOf("failing")).toEqual([
      {
        id: "made-up/failing.any.js",
        subtest: "one is two",
        status: "FAIL",
        message: "Error: expected 2 but got 1",
      },
    ]);
  });

  it("ends a test whose time is over and keeps what it had reported", () => {
    expect(failuresOf("endless")).toMatchObject([{ subtest: "never settles", status: "TIMEOUT" }]);
    expect(failuresOf("stuck")).toMatchObject([{ subtest: "(the test as a whole)" }]);
  });

  it("tells a script that throws as a failure of the test as a whole", () => {
    expect(failuresOf("broken")).toMatchObject([
      {
        subtest: "(the test as a whole)",
        status: "ERROR",
        message: expect.stringContaining("out of the blue"),
      },
    ]);
  });

  it("fails where a failure is not expected, and writes the list", async () => {
    expect(everything.code).toBe(1);
    expect(await readFile(join(folder, "failures.txt"), "utf8")).toContain("one is two");
  });

  it("succeeds where every failure is expected, and tells what passes though it should not", async () => {
    const known = await expectations(`expected:
  - { test: made-up/failing.any.js, subtest: one is two, reason: one is not two }
  - { test: made-up/passing.any.js, subtest: /fetches/, reason: it used to fail }
`);
    const { code, output } = await wpt(...known, "made-up/failing.any.js", "made-up/passing.any.js");
    expect(code).toBe(0);
    expect(output.failures).toMatchObject([{ subtest: "one is two", reason: "one is not two" }]);
    expect(output.unmet).toEqual(["made-up/passing.any.js: /fetches/"]);
  });

  it("runs the same tests in plain Node", async () => {
    const { code, output } = await wpt("--node", "made-up/passing.any.js", "made-up/failing.any.js");
    expect(code).toBe(0);
    expect(output.rows).toMatchObject([{ tests: 2, pass: 4, fail: 1 }]);
  });

  it("goes on behind a test that takes its process along", async () => {
    const { output } = await wpt("--node", "--jobs", "1", "node-only/crash.any.js", "made-up/include.any.js");
    expect(output.failures).toMatchObject([{ id: "node-only/crash.any.js", status: "CRASH" }]);
    expect(output.rows).toMatchObject([
      { folder: "made-up", pass: 1 },
      { folder: "node-only", pass: 1 },
    ]);
  });
});

describe("the scoreboard", () => {
  const result = (id: string, names: string[], status: "PASS" | "FAIL" = "PASS") => ({
    id,
    file: id,
    status: "OK" as const,
    message: "",
    durationMs: 1,
    subtests: names.map((name) => ({ name, status, message: "" })),
  });

  it("counts of what plain Node passes that which passes here", () => {
    const ours = [result("url/a.any.js", ["x", "y", "z"]), result("dom/abort/a.any.js", ["x"], "FAIL")];
    const node = [result("url/a.any.js", ["x", "w"])];
    const rows = decideScoreboard(ours, node);
    expect(rows.map(({ folder, nodePass, alsoPass }) => [folder, nodePass, alsoPass])).toEqual([
      ["dom/abort", undefined, 0],
      ["url", 2, 1],
    ]);
    expect(rows.map(shareOf)).toEqual(["-", "50.0 %"]);
    expect(totalOf(rows)).toMatchObject({ tests: 2, pass: 3, fail: 1, nodePass: 2 });
  });

  it("never rounds up to all of it", () => {
    const names = Array.from({ length: 3_000 }, (_, i) => String(i));
    const [row] = decideScoreboard([result("a/b.any.js", names.slice(1))], [result("a/b.any.js", names)]);
    expect(row === undefined ? "" : shareOf(row)).toBe("99.9 %");
  });

  it("is a table whose lines have the same columns", () => {
    const lines = formatScoreboard(decideScoreboard([result("a/b.any.js", ["x"])], [])).split("\n");
    expect(new Set(lines.map((line) => line.split("|").length))).toEqual(new Set([12]));
  });
});
