import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { endProcess, identifyProcess, isRunning } from "./process-identity.ts";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

async function startProcess(program = "sleep", args = ["60"]) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  await once(child, "spawn");
  if (child.pid === undefined) throw new Error("no pid");
  return Object.assign(child, { pid: child.pid });
}

test("knows a process from a later one of the same pid", async () => {
  const identity = identifyProcess((await startProcess()).pid);
  expect(isRunning(identity)).toBe(true);
  expect(isRunning({ ...identity, startTime: "1" })).toBe(false);
});

test("knows that a process has ended", async () => {
  const child = await startProcess();
  const identity = identifyProcess(child.pid);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isRunning(identity)).toBe(false);
});

test("ends a process, also one that takes no SIGTERM", async () => {
  const child = await startProcess();
  await endProcess(identifyProcess(child.pid), 5_000);
  // It says a line when it no longer takes the signal.
  const stubborn = await startProcess("sh", ["-c", "trap '' TERM; echo; while :; do sleep 0.1; done"]);
  await once(stubborn.stdout, "data");
  await endProcess(identifyProcess(stubborn.pid), 50);
  await Promise.all([child, stubborn].map((one) => one.signalCode ?? once(one, "exit")));
  expect([child.signalCode, stubborn.signalCode]).toEqual(["SIGTERM", "SIGKILL"]);
});

test("ends no process whose start time is another or not known", async () => {
  const identity = identifyProcess((await startProcess()).pid);
  await endProcess({ ...identity, startTime: "1" }, 50);
  await endProcess({ ...identity, startTime: null }, 50);
  expect(isRunning(identity)).toBe(true);
});
