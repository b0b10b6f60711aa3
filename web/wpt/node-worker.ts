/** The worker process that runs one test in plain Node, for comparison: with Node's own globals, each script in this context. */
import { runInThisContext } from "node:vm";
import type { Job } from "./messages.ts";
import { createReport, serveJobs } from "./report.ts";
import { REPORT_FUNCTION, scriptsOf, TIMEOUT_SCRIPT } from "./scope.ts";

serveJobs(async (job: Job) => {
  const report = createReport();
  const scope = globalThis as Record<string, unknown>;
  scope[REPORT_FUNCTION] = (kind: unknown, json: unknown) => report.receive(kind, json);
  // As in an isolate, an uncaught error is noted and the tests go on.
  process.on("uncaughtException", (error) => report.note(String(error?.stack ?? error)));
  process.on("unhandledRejection", (error) => report.note(String(error)));
  const overdue = setTimeout(() => {
    runInThisContext(TIMEOUT_SCRIPT.code);
    report.done("TIMEOUT", "");
  }, job.wallMs);
  for (const { name, code } of scriptsOf(job)) {
    try {
      runInThisContext(code, { filename: name });
    } catch (error) {
      report.fail(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    // The microtasks run between two scripts, as in an isolate.
    await undefined;
  }
  await report.ended;
  clearTimeout(overdue);
});
