import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, inject, it } from "vitest";
import { FunctionConfigSchema } from "../../contracts/index.ts";
import { createBackoff } from "../../machine/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { type HostProgram, loadHostProgram } from "./image/host-program.ts";
import { loadSnapshot } from "./image/snapshot.ts";
import { startIsolateHost } from "./isolate-host.ts";

const cacheDir = inject("nodeCache");
const config = FunctionConfigSchema.parse({ name: "hello", routes: [] });
const bundle = Buffer.from(`export default () => new Response("hello");`);

/** A host, the ends of its instances, and its log from warnings on. `giveWayMs`: its functions move away when it dies. */
async function startHost(url: string, maxMemoryMb: number, program?: HostProgram, giveWayMs?: number) {
  const gone: [string, string][] = [];
  const logged: string[] = [];
  const host = startIsolateHost({
    node: "n",
    group: "default",
    nats: { url },
    worldId: "w",
    transport: "own",
    snapshot: await loadSnapshot(cacheDir),
    program: program ?? (await loadHostProgram(cacheDir)),
    sandbox: { bubblewrap: undefined, maxMemoryMb: undefined },
    egressDeny: [],
    backoff: createBackoff({ firstMs: 100, maxMs: 10_000, forgetAfterMs: 60_000 }),
    maxMemoryMb,
    minAgeMs: 0,
    ...(giveWayMs !== undefined && { giveWayMs }),
    events: {
      onIdle: () => undefined,
      onFull: () => undefined,
      onCondemned: () => undefined,
      onLeaving: (instance) => gone.push([instance, "leaving"]),
      onGone: (instance, reason) => gone.push([instance, reason]),
      onGuilty: () => undefined,
      onDied(instances) {
        gone.push(["died", instances.join()]);
        return giveWayMs !== undefined;
      },
    },
    sourceMapOf: async () => undefined,
    log: pino({ level: "warn" }, { write: (line) => void logged.push(line) }),
  });
  return { host, gone, logged };
}

it("ends without a log line where it is closed while its process starts", async () => {
  const folder = await mkdtemp(join(tmpdir(), "narun-host-"));
  try {
    // The process is up only after its order to stop: an `init` would meet its end.
    const file = join(folder, "late.mjs");
    await writeFile(
      file,
      `process.on("message", ({ type }) => {
        if (type !== "stop") return process.stderr.write("it got " + type);
        process.send({ type: "up" });
        setTimeout(() => process.exit(0), 300);
      });`,
    );
    const { host, logged } = await startHost("nats://127.0.0.1:1", 1_000, {
      file,
      readable: [file],
      restore: () => undefined,
    });
    await host.close({ graceMs: 10_000 });
    expect(logged).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("keeps the compiled code of a process that has had no order yet, and of no other", async () => {
  const folder = await mkdtemp(join(tmpdir(), "narun-host-"));
  try {
    // It tells the code in its start, then as an answer to its first order.
    const file = join(folder, "compiling.mjs");
    await writeFile(
      file,
      `process.on("message", ({ type, id, compile }) => {
        if (type === "stop") process.exit(0);
        process.send({ type: "compiled", code: Buffer.from(type + " " + compile?.config.name) });
        if (type === "init") process.send({ type: "ready" });
        else process.send({ type: "tried", id, outcome: { ok: true } });
      });
      process.send({ type: "up", lacksCode: true });`,
    );
    const kept: string[] = [];
    const code = {
      file: "",
      touch: () => undefined,
      keep: (bytes: Uint8Array) => void kept.push(Buffer.from(bytes).toString()),
    };
    const restore = () => undefined;
    const program = { file, readable: [file], code, restore };
    const { host } = await startHost("nats://127.0.0.1:1", 1_000, program);
    const order = { config, bundle, secrets: {}, sourceMap: new Uint8Array() };
    expect(await host.trial(order)).toEqual({ ok: true });
    await host.close({ graceMs: 10_000 });
    expect(kept).toEqual(["init warm-up"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("replaces a process that holds too much memory: new instances start in the next one, running ones drain", async () => {
  await using nats = await startTestNats();
  // Less than the memory of any process, the allowance for its functions included.
  const { host, gone } = await startHost(nats.url, -config.limits.memoryMb);
  const start = (instance: string) => host.start({ instance, revision: "1", config, secrets: {}, bundle });
  try {
    expect(await start("one")).toMatchObject({ ok: true });
    const first = host.pid;
    expect(host.pidOf("one")).toBe(first);
    await eventually(
      () =>
        expect(gone).toEqual([
          ["one", "leaving"],
          ["one", "shutdown"],
        ]),
      { timeoutMs: 15_000 },
    );
    expect(await start("two")).toMatchObject({ ok: true });
    expect(host.pidOf("two")).not.toBe(first);
    expect(host.pidOf("one")).toBe(undefined);
  } finally {
    await host.close({ graceMs: 1_000 });
  }
});

it("gives an order that waits for a process that dies to the next one", async () => {
  await using nats = await startTestNats();
  const { host, gone } = await startHost(nats.url, 1_000);
  try {
    const first = host.pid;
    if (first === undefined) throw new Error("a host that was started has a process");
    const order = host.start({ instance: "one", revision: "1", config, secrets: {}, bundle });
    process.kill(first, "SIGKILL");
    expect(await order).toMatchObject({ ok: true });
    expect(host.pidOf("one")).not.toBe(first);
    expect(gone).toEqual([["died", ""]]);
  } finally {
    await host.close({ graceMs: 1_000 });
  }
});

it("starts no process for functions that moved away before an order comes", async () => {
  await using nats = await startTestNats();
  const { host, gone } = await startHost(nats.url, 1_000, undefined, 3_600_000);
  const start = (instance: string) => host.start({ instance, revision: "1", config, secrets: {}, bundle });
  try {
    expect(await start("one")).toMatchObject({ ok: true });
    process.kill(host.pid ?? 0, "SIGKILL");
    await eventually(() => expect(gone).toContainEqual(["one", "crashed"]));
    // A timer of the host without a pause would be over before this one.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(host.pid).toBe(undefined);
    expect(await start("two")).toMatchObject({ ok: true });
  } finally {
    await host.close({ graceMs: 1_000 });
  }
});

it("answers an order that waits for the next process when it is closed", async () => {
  const { host } = await startHost("nats://127.0.0.1:1", 1_000);
  // Without NATS every process ends before it is ready, and the pauses grow.
  const order = host.trial({ config, secrets: {}, bundle, sourceMap: new Uint8Array() });
  const first = host.pid;
  await eventually(() => expect(host.pid).not.toBe(first));
  await host.close({ graceMs: 1_000 });
  expect(await order).toMatchObject({ ok: false, code: "NODE_STOPPING" });
});
