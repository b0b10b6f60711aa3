/** Starts isolates of the checkout of narun in its first argument, and prints figures as one line of JSON. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { median } from "../figures.ts";
import { HELLO } from "../functions.ts";
import { ownMemory } from "../processes.ts";

/** The methods that the engine has in every version: the checkout may be an older one. */
interface Sandbox {
  load(order: { code: string; fileName: string; env: object; cpuMs: number }): Promise<unknown>;
  enter(timeoutMs: number, ...message: unknown[]): Promise<unknown>;
}

interface EngineModule {
  createEngine(
    snapshot: Uint8Array,
    onCatastrophe: (message: string) => void,
  ): { create(memoryMb: number, onPost: (op: unknown) => void): Promise<Sandbox> };
}

interface SnapshotModule {
  loadSnapshot(cacheDir: string): Promise<Uint8Array>;
}

const FIRST = 10;
const COUNT = 30;
/** `EnterOp.request` and `PostOp.response` in every version of the boundary. Newer versions may return the answer. */
const REQUEST = 1;
const RESPONSE = 1;

const root = process.argv[2] ?? "";
const load = (file: string): Promise<unknown> => import(pathToFileURL(join(root, file)).href);
const { createEngine } = (await load("runtime/isolate/engine.ts")) as EngineModule;
const { loadSnapshot } = (await load("runtime/isolate/image/snapshot.ts")) as SnapshotModule;
const cacheDir = await mkdtemp(join(tmpdir(), "narun-bench-snapshot-"));
const snapshot = await loadSnapshot(cacheDir);
await rm(cacheDir, { recursive: true, force: true });
const engine = createEngine(snapshot, (message) => {
  throw new Error(message);
});

const times = {
  createMs: [] as number[],
  loadMs: [] as number[],
  firstMs: [] as number[],
  secondMs: [] as number[],
};
/** Keeps the sandboxes from being collected while memory is measured. */
const kept: Sandbox[] = [];
let answered: () => void = () => undefined;

for (let index = 0; index < FIRST; index++) await startOne();
for (const values of Object.values(times)) values.length = 0;
const before = await memory();
for (let index = 0; index < COUNT; index++) await startOne();
const perIsolateKiB = async () => Math.round(((await memory()) - before) / COUNT / 1024);
const memoryKiB = await perIsolateKiB();
for (let turn = 2; turn < 51; turn++) for (const sandbox of kept.slice(FIRST)) await request(sandbox);
const laterKiB = await perIsolateKiB();
const medians = Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]));
process.stdout.write(
  `${JSON.stringify({ snapshotKiB: snapshot.byteLength >> 10, memoryKiB, laterKiB, ...medians })}\n`,
  () => process.exit(0),
);

async function startOne(): Promise<void> {
  const time = async (name: keyof typeof times, work: () => Promise<unknown>) => {
    const startedAt = performance.now();
    await work();
    times[name].push(performance.now() - startedAt);
  };
  let made: Sandbox | undefined;
  await time("createMs", async () => {
    made = await engine.create(128, (op) => {
      if (op === RESPONSE) answered();
    });
  });
  const sandbox = made as unknown as Sandbox;
  const env = { values: {}, bindings: [] };
  await time("loadMs", () => sandbox.load({ code: HELLO, fileName: "bundle.js", env, cpuMs: 1_000 }));
  await time("firstMs", () => request(sandbox));
  await time("secondMs", () => request(sandbox));
  kept.push(sandbox);
}

async function request(sandbox: Sandbox): Promise<void> {
  const answer = new Promise<void>((resolve) => {
    answered = resolve;
  });
  const deadline = Date.now() + 30_000;
  const headers = "accept\n*/*\nhost\nlocalhost";
  const message = [REQUEST, 1, "GET", "http://localhost/", headers, undefined, "r", deadline] as const;
  const entered = (await sandbox.enter(1_000, ...message)) as { answer?: unknown; answers?: string };
  if (entered.answer === undefined && !entered.answers) await answer;
}

async function memory(): Promise<number> {
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 300));
  return ownMemory(process.pid);
}
