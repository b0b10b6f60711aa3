/** The ends of programs: by themselves, by narun, with their node-runner. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { removeFunction } from "../../control/index.ts";
import { isRunning } from "../../machine/index.ts";
import { eventually } from "../harness/eventually.ts";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

const folder = mkdtempSync(join(tmpdir(), "narun-ends-"));
const world = await startWorld();
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const push = (name: string, text: string, changes: object = {}) =>
  world.push(name, { "server.mjs": text }, { mode: "exec", command: "server.mjs", ...changes });
const isAlive = (pid: number) => isRunning({ pid, startTime: null });

/** Starts a child in a session of its own, which outlives its parent, and writes its pid into a file. */
const doubleFork = (file: string) =>
  `require("node:child_process").spawnSync("setsid", ["sh", "-c", "sleep 300 & echo $! > ${file}"], { stdio: "ignore" });`;
/** The same, and leaves nothing by which it could be found but the kernel. */
const leftFork = (file: string) =>
  `require("node:child_process").spawnSync("env", ["-i", "setsid", "/bin/sh", "-c", "cd /; /bin/sleep 300 & echo $! > ${file}"], { stdio: "ignore" });`;
const pidIn = (file: string) =>
  eventually(() => {
    const pid = Number(readFileSync(file, "utf8"));
    if (!(pid > 0)) throw new Error("the pid is not there yet");
    return pid;
  });

it("is started again after growing pauses where it is kept, and its exit code or signal is told", async () => {
  const act = `if (body === "exit") process.exit(7); else if (body === "abort") process.kill(process.pid, "SIGABRT"); else answer("alive");`;
  await push("crasher", programSource({ act }), { scale: { min: 1 } });
  await world.announced("crasher", "ready");
  expect(await world.call("/crasher", { method: "POST", body: "exit" })).toMatchObject({
    status: 502,
    code: "CONSUMER_DIED",
  });
  await world.announced("crasher", "ready", 2);
  expect(await world.call("/crasher", { method: "POST", body: "abort" })).toMatchObject({ status: 502 });
  await world.announced("crasher", "ready", 3);
  expect(await world.call("/crasher")).toMatchObject({ status: 200, text: "alive" });
  const statuses = world.statuses("crasher");
  expect(statuses.filter(({ status }) => status === "crashed")).toMatchObject([
    { exit_code: 7, error: "ended with exit code 7" },
    { exit_code: -1, error: "was ended by SIGABRT" },
  ]);
  expect(statuses.filter(({ status }) => status === "starting").map(({ error }) => error)).toEqual([
    undefined,
    "Restarting (1)",
    "Restarting (2)",
  ]);
  const lines = (await world.logs("crasher")).map(({ message }) => message);
  expect(lines).toContain("PROGRAM_ENDED: it ended with exit code 7");
});

it("answers the requests that it took before it is replaced", async () => {
  const act = `await new Promise((resolve) => setTimeout(resolve, 1500)); answer("old");`;
  await push("replaced", programSource({ act }));
  const answer = world.call("/replaced", { method: "POST", body: "x" });
  await eventually(async () => expect(await world.ps("replaced")).toMatchObject([{ inFlight: 1 }]));
  await push("replaced", programSource({ act: `answer("new");` }));
  expect(await world.call("/replaced")).toMatchObject({ text: "new" });
  expect(await answer).toMatchObject({ status: 200, text: "old" });
  await world.announced("replaced", "gone");
});

it("is killed with all its processes where it ignores the wish that it ends", async () => {
  const file = join(folder, "ignorant");
  const before = `process.on("SIGTERM", () => console.log("no"));${doubleFork(file)}`;
  await push("ignorant", programSource({ before }));
  await world.call("/ignorant");
  const child = await pidIn(file);
  const pid = await world.hostPid("ignorant");
  expect(isAlive(child)).toBe(true);
  await removeFunction(world.connection, "ignorant");
  await eventually(() => expect([isAlive(pid), isAlive(child)]).toEqual([false, false]), {
    timeoutMs: 20_000,
  });
  const lines = (await world.logs("ignorant")).map(({ message }) => message);
  expect(lines).toContain("no");
  expect(lines).toContain("it has not ended since SIGTERM, 2 s ago; it is killed after 10 s");
  await eventually(() => expect(world.statuses("ignorant").at(-1)).toMatchObject({ status: "stopped" }));
});

it("leaves no child that cleared its environment, after a trial or a life", async () => {
  const file = join(folder, "nameless");
  const fork = `require("node:child_process").spawnSync("env", ["-i", "setsid", "/bin/sh", "-c", "/bin/sleep 300 & echo $! >> ${file}"], { stdio: "ignore" });`;
  await push("nameless", programSource({ before: fork }));
  const pids = () => readFileSync(file, "utf8").trim().split("\n").map(Number);
  await eventually(() => expect(pids().map(isAlive)).toEqual([false]));
  await world.call("/nameless");
  expect(pids().map(isAlive)).toEqual([false, true]);
  await removeFunction(world.connection, "nameless");
  await eventually(() => expect(pids().map(isAlive)).toEqual([false, false]));
});

it("leaves no child that left its environment, its folder, its group and its session", async () => {
  const file = join(folder, "stranger");
  const fork = `require("node:child_process").spawnSync("env", ["-i", "setsid", "/bin/sh", "-c", "cd /; /bin/sleep 300 & echo $! >> ${file}"], { stdio: "ignore" });`;
  await push("stranger", programSource({ before: fork }));
  const pids = () => readFileSync(file, "utf8").trim().split("\n").map(Number);
  await eventually(() => expect(pids().map(isAlive)).toEqual([false]));
  await world.call("/stranger");
  expect(pids().map(isAlive)).toEqual([false, true]);
  await removeFunction(world.connection, "stranger");
  await eventually(() => expect(pids().map(isAlive)).toEqual([false, false]));
});

it("ends with its node-runner, and the next runner ends the processes that are left", async () => {
  const node = await world.startNode("mortal");
  const [file, strange] = [join(folder, "orphan"), join(folder, "strange")];
  await push("orphan", programSource({ before: doubleFork(file) + leftFork(strange) }), {
    nodes: [{ name: "mortal" }],
  });
  await world.announced("orphan", "ready");
  const [child, other] = [await pidIn(file), await pidIn(strange)];
  const pid = await world.hostPid("orphan");
  await node.kill9();
  await eventually(() => expect(isAlive(pid)).toBe(false), { timeoutMs: 20_000 });
  const again = await world.startNode("mortal");
  expect([child, other].map(isAlive)).toEqual([false, false]);
  await world.announced("orphan", "ready", 2);
  expect(await world.call("/orphan")).toMatchObject({ status: 200 });
  await removeFunction(world.connection, "orphan");
  await again.drain();
}, 90_000);
