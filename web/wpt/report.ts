/** The side of the worker processes: jobs in, results out. */
import {
  type FromWorker,
  HARNESS_STATUS,
  type HarnessStatus,
  type Job,
  SUBTEST_STATUS,
  type Subtest,
} from "./messages.ts";

/** The results of one test on their way to the runner. */
export interface Report {
  /** Takes a message of the scripts in scope.ts. */
  receive(kind: unknown, json: unknown): void;
  /** The test as a whole has failed, with any results of its subtests. */
  fail(why: string): void;
  /** Keeps a possible reason for a test that does not end by itself. */
  note(text: string): void;
  done(status: HarnessStatus, message: string): void;
  readonly isDone: boolean;
  readonly ended: Promise<void>;
}

const MAX_MESSAGE = 1_000;
const MAX_NOTES = 10;

export function createReport(): Report {
  const { promise, resolve } = Promise.withResolvers<void>();
  const notes: string[] = [];
  let failure: string | undefined;
  let isDone = false;
  const done = (status: HarnessStatus, message: string) => {
    if (isDone) return;
    isDone = true;
    const isFailed = failure !== undefined && status === "OK";
    const text = [failure ?? "", message, ...(status === "OK" ? [] : notes)].filter((part) => part !== "");
    send({
      type: "done",
      status: isFailed ? "ERROR" : status,
      message: text.join("\n").slice(0, 3 * MAX_MESSAGE),
    });
    resolve();
  };
  return {
    receive(kind, json) {
      const { name, status, message } = JSON.parse(String(json));
      if (kind === "done") return done(HARNESS_STATUS[status] ?? "ERROR", message);
      if (isDone) return;
      const subtest: Subtest = {
        name: String(name),
        status: SUBTEST_STATUS[status] ?? "FAIL",
        message: String(message).slice(0, MAX_MESSAGE),
      };
      send({ type: "subtests", subtests: [subtest] });
    },
    fail: (why) => {
      failure ??= why;
    },
    note: (text) => {
      if (notes.length < MAX_NOTES) notes.push(text.slice(0, MAX_MESSAGE));
    },
    done,
    get isDone() {
      return isDone;
    },
    ended: promise,
  };
}

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

/** Runs the jobs of the runner one at a time. The process ends with the channel. */
export function serveJobs(run: (job: Job) => Promise<void>): void {
  process.on("disconnect", () => process.exit());
  process.on("message", (job: Job) => {
    run(job).then(
      () => send({ type: "ready" }),
      (error: unknown) => {
        send({
          type: "done",
          status: "ERROR",
          message: String(error instanceof Error ? error.stack : error),
        });
        send({ type: "ready" });
      },
    );
  });
  send({ type: "ready" });
}
