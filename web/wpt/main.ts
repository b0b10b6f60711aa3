/**
 * `npm run wpt -- --dir CHECKOUT [folder...]` runs the `.any.js` tests of a web-platform-tests checkout in isolates of
 * narun, or with `--node` in plain Node, and prints a scoreboard. It exits with 1 if a test fails that expectations.yaml does
 * not explain. Results are kept by test in `.narun/wpt`, so that a scoreboard shows both.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { writeScoreboard } from "./docs.ts";
import { EXPECTATIONS, readExpectations } from "./expectations.ts";
import { findTests } from "./find-tests.ts";
import { decideVerdict, formatFailures } from "./judge.ts";
import { runJobs, type TestResult } from "./pool.ts";
import { decideScoreboard, formatScoreboard } from "./scoreboard.ts";
import { startWptServer } from "./server.ts";

const USAGE = `npm run wpt -- --dir CHECKOUT [folder...]
  --dir DIR            a checkout of web-platform-tests, or the subset inside Node's source package
  --node               in plain Node instead of isolates, for comparison
  --out FILE           the list of failures (default: failures.txt, or failures-node.txt, in the store)
  --store DIR          where results are kept (default: .narun/wpt)
  --json               results on standard output, as JSON
  --jobs N             worker processes (default: 2)
  --timeout MS         of one test (default: 10000; six times that for long ones)
  --expectations FILE  known failures (default: web/wpt/expectations.yaml)
  --write-docs         puts the scoreboard of the stored results into docs/web-platform.md and ends
`;

const { values: options, positionals: folders } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: "string" },
    node: { type: "boolean", default: false },
    out: { type: "string" },
    store: { type: "string", default: join(".narun", "wpt") },
    json: { type: "boolean", default: false },
    jobs: { type: "string", default: "2" },
    timeout: { type: "string", default: "10000" },
    expectations: { type: "string", default: EXPECTATIONS },
    "write-docs": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (options["write-docs"]) {
  await writeScoreboard(decideScoreboard(await readStored("isolate"), await readStored("node")));
} else if (options.dir === undefined || options.help) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else process.exitCode = await run(resolve(options.dir));

async function run(dir: string): Promise<number> {
  const where = options.node ? "node" : "isolate";
  const { tests, skipped } = findTests(dir, folders);
  const cacheDir = await mkdtemp(join(tmpdir(), "narun-wpt-"));
  await using server = await startWptServer(dir);
  const timeoutMs = Number(options.timeout);
  const jobs = tests.map((test) => ({
    ...server.site,
    test,
    wallMs: test.isLong ? 6 * timeoutMs : timeoutMs,
  }));
  let done = 0;
  const results = await runJobs(jobs, {
    where,
    jobs: Number(options.jobs),
    cacheDir,
    onResult: ({ id, status }) => {
      done++;
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${done}/${jobs.length} ${status} ${id}`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  await rm(cacheDir, { recursive: true, force: true });
  await store(where, results);

  const node = where === "node" ? results : await readStored("node");
  const rows = decideScoreboard(results, node);
  // The expectations apply to isolates only, not to plain Node.
  const expectations = where === "node" ? [] : readExpectations(options.expectations);
  const verdict = decideVerdict(results, expectations);
  const list = options.out ?? join(options.store, where === "node" ? "failures-node.txt" : "failures.txt");
  await mkdir(dirname(list), { recursive: true });
  await writeFile(list, formatFailures(verdict.failures));

  if (options.json) {
    process.stdout.write(`${JSON.stringify({ rows, skipped, ...verdict }, undefined, 2)}\n`);
  } else {
    const lines = [
      formatScoreboard(rows),
      "",
      `${skipped.length} tests skipped: they are for other scopes`,
      `${verdict.failures.length} failures, ${verdict.failures.length - verdict.unexpected.length} of them expected: ${list}`,
      ...verdict.unmet.map((label) => `expected to fail, and passes: ${label}`),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
    if (where === "isolate") process.stdout.write(formatFailures(verdict.unexpected.slice(0, 20)));
  }
  return where === "isolate" && verdict.unexpected.length > 0 ? 1 : 0;
}

/** Keeps the results by test: a run of some folders replaces the results of these folders only. */
async function store(where: string, results: readonly TestResult[]): Promise<void> {
  const all = new Map((await readStored(where)).map((result) => [result.id, result]));
  for (const result of results) all.set(result.id, result);
  await mkdir(options.store, { recursive: true });
  await writeFile(join(options.store, `${where}.json`), JSON.stringify([...all.values()]));
}

async function readStored(where: string): Promise<TestResult[]> {
  const text = await readFile(join(options.store, `${where}.json`), "utf8").catch(() => "[]");
  return JSON.parse(text) as TestResult[];
}
