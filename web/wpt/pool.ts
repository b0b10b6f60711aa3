/**
 * The worker processes that run tests.
 *
 * I1  Every job ends with exactly one result: by its report, by the end of its process (CRASH), or by the time limit.
 * I2  A process that crashed or hangs is replaced. The results that it had reported are kept.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FromWorker, HarnessStatus, Job, Subtest } from "./messages.ts";

export interface TestResult {
  id: string;
  file: string;
  status: HarnessStatus;
  message: string;
  subtests: Subtest[];
  durationMs: number;
}

export interface PoolOptions {
  where: "isolate" | "node";
  jobs: number;
  cacheDir: string;
  onResult(result: TestResult): void;
}

/** How long the runner waits beyond the test's own time before it treats a silent process as hung. */
const HANG_GRACE_MS = 20_000;

/** Runs every job. Resolves with the results in the order of the jobs. */
export async function runJobs(jobs: readonly Job[], options: PoolOptions): Promise<TestResult[]> {
  const results = new Map<Job, TestResult>();
  const waiting = [...jobs];
  const work = async () => {
    let worker: ChildProcess | undefined;
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      worker ??= await startWorker(options);
      const { result, isUsable } = await runJob(worker, job);
      results.set(job, result);
      options.onResult(result);
      // Plain Node has fresh globals only in a fresh process.
      if (!isUsable || options.where === "node") {
        worker.kill("SIGKILL");
        worker = undefined;
      }
    }
    worker?.kill("SIGKILL");
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  return jobs.flatMap((job) => results.get(job) ?? []);
}

async function startWorker({ where, cacheDir }: PoolOptions): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL(`./${where}-worker.ts`, import.meta.url)), {
    execArgv: where === "node" ? ["--expose-gc"] : ["--no-node-snapshot", "--expose-gc"],
    env: { ...process.env, WPT_CACHE_DIR: cacheDir },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await new Promise<void>((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the worker process ended with ${code} at its start`)));
  });
  return child;
}

function runJob(child: ChildProcess, job: Job): Promise<{ result: TestResult; isUsable: boolean }> {
  const startedAt = performance.now();
  const subtests: Subtest[] = [];
  // The port differs in each run, names must not differ.
  const ports = new RegExp(`:(${new URL(job.origin).port}|${job.otherPort})\\b`, "g");
  const tidy = (subtest: Subtest) => ({ ...subtest, name: subtest.name.replace(ports, ":<port>") });
  let end: { status: HarnessStatus; message: string } = { status: "CRASH", message: "the process ended" };
  return new Promise((resolve) => {
    const finish = (isUsable: boolean) => {
      clearTimeout(hang);
      child.off("message", receive).off("exit", crash);
      const durationMs = Math.round(performance.now() - startedAt);
      const { id, file } = job.test;
      resolve({ result: { id, file, ...end, subtests, durationMs }, isUsable });
    };
    const receive = (message: FromWorker) => {
      if (message.type === "subtests") subtests.push(...message.subtests.map(tidy));
      else if (message.type === "done") end = { status: message.status, message: message.message };
      else finish(true);
    };
    const crash = () => finish(false);
    const hang = setTimeout(() => {
      if (end.status === "CRASH") end = { status: "TIMEOUT", message: "the process did not answer" };
      finish(false);
    }, job.wallMs + HANG_GRACE_MS);
    child.on("message", receive).once("exit", crash);
    child.send(job);
  });
}
