/** The worker process that runs tests in isolates of narun, each in a fresh sandbox. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createIsolateLink,
  createScriptEngine,
  type EntryOutcome,
  loadSnapshot,
  type ScriptIsolate,
} from "../../runtime/index.ts";
import { PostOp } from "../index.ts";
import type { Job } from "./messages.ts";
import { createTestOperations } from "./operations.ts";
import { createReport, serveJobs } from "./report.ts";
import { readResource } from "./resources.ts";
import { READ_FUNCTION, REPORT_FUNCTION, scriptsOf, TIMEOUT_SCRIPT } from "./scope.ts";

const MEMORY_MB = 512;

const cacheDir = process.env.WPT_CACHE_DIR ?? join(tmpdir(), "narun-wpt");
const engine = createScriptEngine(await loadSnapshot(cacheDir), (message) => {
  process.stderr.write(`${message}\n`);
  process.abort();
});

serveJobs(runTest);

async function runTest(job: Job): Promise<void> {
  const report = createReport();
  // Upper bound of the CPU time of one entry: a test that never returns must not outlive its time limit by much.
  const cpuMs = 2 * job.wallMs;
  let sandbox: ScriptIsolate | undefined;
  const settle = (outcome: EntryOutcome) => {
    if (outcome.kind === "uncaught") report.note(outcome.stack);
    else if (outcome.kind !== "ok" && outcome.kind !== "disposed") report.done("ERROR", outcome.kind);
  };
  const link = createIsolateLink({
    enter: (_owner, ...message) => void sandbox?.enter(cpuMs, ...message).then(settle),
    operations: createTestOperations((text) => report.note(text)),
    onViolation: (what) => report.note(`violation: ${what}`),
    onCallError: (name, error) => report.note(`${name}: ${String(error)}`),
  });
  sandbox = await engine.create(MEMORY_MB, (op, a, b, c, d) => {
    if (op === PostOp.log) report.note(String(b));
    else link.receive(op, a, b, c, d);
  });
  const ready = sandbox;
  await ready.expose(REPORT_FUNCTION, (kind, json) => report.receive(kind, json));
  await ready.expose(READ_FUNCTION, (path) => {
    const url = new URL(String(path), new URL(`/${job.test.file}`, job.origin));
    return readResource(job, url)?.body.toString();
  });
  const overdue = setTimeout(async () => {
    const ended = await ready.evaluateScript(TIMEOUT_SCRIPT.code, TIMEOUT_SCRIPT.name, 1_000);
    report.done("TIMEOUT", ended.kind === "ok" ? "" : ended.kind);
  }, job.wallMs);
  try {
    for (const { name, code } of scriptsOf(job)) {
      const outcome = await ready.evaluateScript(code, name, cpuMs);
      // A script without an error is judged by its tests.
      if (outcome.kind === "uncaught") report.fail(`${name}: ${outcome.stack}`);
      else settle(outcome);
      if (report.isDone) break;
    }
    await report.ended;
  } finally {
    clearTimeout(overdue);
    link.close();
    ready.dispose();
  }
}
