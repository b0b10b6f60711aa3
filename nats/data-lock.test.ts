import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { z } from "zod";
import { eventually } from "../test/harness/eventually.ts";
import { lockDataDir } from "./data-lock.ts";
import { identifyProcess, isRunning } from "./process-identity.ts";

let dir: string;
const children: ChildProcess[] = [];
const orphans: number[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "narun test lock "));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const pid of orphans.splice(0)) {
    if (isRunning(identifyProcess(pid))) process.kill(pid, "SIGKILL");
  }
  await rm(dir, { recursive: true, force: true });
});

/** A process that locks the folder, says how that went, and stays; with a nats-server on it where that is wanted. */
const HOLDER = `
const [dir, binary] = process.argv.slice(1);
const { lockDataDir } = await import(${JSON.stringify(new URL("./data-lock.ts", import.meta.url).href)});
const { startNatsServer } = await import(${JSON.stringify(new URL("./server/start.ts", import.meta.url).href)});
const quiet = () => {};
try {
  const lock = await lockDataDir(dir);
  let server;
  if (binary) {
    const log = { debug: quiet, info: quiet, warn: quiet };
    server = await startNatsServer({ binary, dataDir: dir, log, onSpawn: lock.recordNats });
  }
  process.once("SIGTERM", async () => {
    await server?.close();
    lock.release();
    process.exit(0);
  });
  console.log(JSON.stringify({ outcome: "locked", nats: server?.pid }));
} catch (error) {
  console.log(JSON.stringify({ outcome: error.code, message: error.message }));
}
setInterval(() => {}, 60_000);
`;

const SaidSchema = z.object({
  outcome: z.string(),
  message: z.string().optional(),
  nats: z.number().optional(),
});
type Holder = z.infer<typeof SaidSchema> & { pid: number; kill(signal: NodeJS.Signals): Promise<void> };

async function startHolder(binary = ""): Promise<Holder> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", HOLDER, dir, binary], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const said = SaidSchema.parse(JSON.parse(String(line)));
  if (said.nats !== undefined) orphans.push(said.nats);
  return {
    ...said,
    pid: child.pid ?? 0,
    async kill(signal) {
      const gone = once(child, "exit");
      child.kill(signal);
      await gone;
    },
  };
}

test("names the process that holds the folder to the second one", async () => {
  const lock = await lockDataDir(dir);
  const second = await startHolder();
  expect(second.outcome).toBe("DATA_DIR_LOCKED");
  expect(second.message).toContain(String(process.pid));
  expect(second.message).toContain(dir);
  lock.release();
});

test("refuses the same process a second time", async () => {
  const lock = await lockDataDir(dir);
  await expect(lockDataDir(dir)).rejects.toMatchObject({
    code: "DATA_DIR_LOCKED",
    fields: { pid: process.pid },
  });
  lock.release();
  (await lockDataDir(dir)).release();
});

test("leaves no file behind when it is released", async () => {
  const lock = await lockDataDir(dir);
  lock.recordNats(process.pid);
  lock.release();
  expect(await readdir(dir)).toEqual([".gitignore"]);
  lock.recordNats(process.pid);
  expect(await readdir(dir)).toEqual([".gitignore"]);
});

test("does not take the next owner's lock away when it is released twice", async () => {
  const first = await lockDataDir(dir);
  first.release();
  const second = await lockDataDir(dir);
  first.release();
  await expect(lockDataDir(dir)).rejects.toMatchObject({ code: "DATA_DIR_LOCKED" });
  second.release();
});

test("takes over from an owner that was killed", async () => {
  const owner = await startHolder();
  expect(owner.outcome).toBe("locked");
  await owner.kill("SIGKILL");
  const lock = await lockDataDir(dir);
  expect((await readdir(dir)).sort()).toEqual([".gitignore", "narun.lock"]);
  lock.release();
});

test("takes over where another process has the dead owner's pid by now", async () => {
  const owner = await startHolder();
  await owner.kill("SIGKILL");
  const file = join(dir, "narun.lock");
  const record = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify({ ...record, owner: { pid: process.pid, startTime: "1" } }));
  (await lockDataDir(dir)).release();
});

test("takes over a damaged lock file", async () => {
  await writeFile(join(dir, "narun.lock"), "");
  const lock = await lockDataDir(dir);
  await expect(lockDataDir(dir)).rejects.toMatchObject({ code: "DATA_DIR_LOCKED" });
  lock.release();
});

test("lets exactly one of several win that start at the same moment on a dead owner's folder", async () => {
  const owner = await startHolder();
  await owner.kill("SIGKILL");
  const holders = await Promise.all([startHolder(), startHolder(), startHolder(), startHolder()]);
  expect(holders.map(({ outcome }) => outcome).sort()).toEqual([
    "DATA_DIR_LOCKED",
    "DATA_DIR_LOCKED",
    "DATA_DIR_LOCKED",
    "locked",
  ]);
});

test("goes on from a process that was killed while it took over", async () => {
  const owner = await startHolder();
  await owner.kill("SIGKILL");
  const { id } = JSON.parse(await readFile(join(dir, "narun.lock"), "utf8"));
  // It had become the successor and had not moved its record yet.
  const successor = { id: "0000", owner: identifyProcess(owner.pid) };
  await writeFile(
    join(dir, `narun.lock.${id}`),
    JSON.stringify({ ...successor, owner: { pid: owner.pid, startTime: "1" } }),
  );
  const lock = await lockDataDir(dir);
  await expect(lockDataDir(dir)).rejects.toMatchObject({ code: "DATA_DIR_LOCKED" });
  expect((await readdir(dir)).sort()).toEqual([".gitignore", "narun.lock"]);
  lock.release();
});

test("ends the nats-server that a killed owner left behind, before anything else uses the folder", async () => {
  const owner = await startHolder(inject("natsServer"));
  const orphan = identifyProcess(owner.nats ?? 0);
  await owner.kill("SIGKILL");
  expect(isRunning(orphan)).toBe(true);
  const lock = await lockDataDir(dir);
  expect(isRunning(orphan)).toBe(false);
  lock.release();
  // And the store is free for the next server.
  const next = await startHolder(inject("natsServer"));
  expect(next.outcome).toBe("locked");
  await next.kill("SIGTERM");
  await eventually(() => expect(isRunning(identifyProcess(next.nats ?? 0))).toBe(false));
  expect(await readdir(dir)).not.toContain("narun.lock");
});

test("leaves alone a process that has the orphan's pid by now", async () => {
  const owner = await startHolder();
  await owner.kill("SIGKILL");
  const bystander = await startBystander();
  const file = join(dir, "narun.lock");
  const record = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify({ ...record, nats: { pid: bystander.pid, startTime: "1" } }));
  const lock = await lockDataDir(dir);
  expect(isRunning(identifyProcess(bystander.pid ?? 0))).toBe(true);
  lock.release();
});

async function startBystander(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 60_000)"], { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  return child;
}
