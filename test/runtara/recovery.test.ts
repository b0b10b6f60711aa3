/** Runs of instances on two nodes that sleep, crash, are killed and leave. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRuntara, type Runtara } from "../../runtara/index.ts";
import { eventually } from "../harness/eventually.ts";
import type { TestNode } from "../harness/node-process.ts";
import { startWorld, type World } from "../harness/world.ts";
import { RUNTARA_PEER } from "./peer.ts";

const NODE_ARGUMENTS = ["--runtara-http", "127.0.0.1:0", "--runtara-open", "--runtara-hold", "300ms"];
const PATIENT = { timeoutMs: 90_000 };

describe.skipIf(RUNTARA_PEER === undefined)("instances on two nodes (test/peers/runtara.sh)", () => {
  let world: World;
  let runtara: Runtara;
  let folder: string;
  let image: string;
  let count = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "narun-test-runtara-"));
    world = await startWorld({ nodes: 2, nodeArguments: NODE_ARGUMENTS });
    runtara = await openRuntara({ nats: world.connection });
    const bytes = await readFile(RUNTARA_PEER ?? "");
    image = (await runtara.images.register({ tenant: "acme", name: "peer", runnerType: "native", bytes })).id;
  }, 150_000);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const start = (...steps: unknown[][]) => {
    const input = Buffer.from(JSON.stringify({ steps }));
    return runtara.start({ tenant: "acme", image, input });
  };
  const recordOf = (id: string) => runtara.store.read(id);
  const until = (id: string, ...statuses: string[]) =>
    eventually(async () => {
      const record = await recordOf(id);
      if (!statuses.includes(record.status)) throw new Error(JSON.stringify(record));
      return record;
    }, PATIENT);
  const untilSaid = (id: string, text: string) =>
    eventually(async () => expect((await recordOf(id)).stderr).toContain(text), PATIENT);
  const file = () => {
    count += 1;
    return join(folder, `file-${count}`);
  };
  const linesOf = async (path: string) =>
    (await readFile(path, "utf8").catch(() => "")).trim().split("\n").filter(Boolean);
  const nodeOf = async (id: string): Promise<TestNode> => {
    const { node } = await recordOf(id);
    const found = world.nodes.find(({ name }) => name === node);
    if (found === undefined) throw new Error(`${id} runs nowhere`);
    return found;
  };
  const runsOf = async (id: string) =>
    (await runtara.listEvents({ instance: id, tenant: undefined, run: undefined }, { type: "running" }))
      .length;

  it("ends the process of a long sleep, and starts it again at its time with its input and checkpoints", async () => {
    const notes = file();
    const began = Date.now();
    const id = await start(
      ["checkpoint", "a", "1"],
      ["sleep", "nap", 2_000, ""],
      ["env", "RUNTARA_CHECKPOINT_ID"],
      ["checkpoint", "a", "other"],
      ["note", notes, "after"],
      ["completed", "1"],
    );
    const asleep = await until(id, "suspended");
    expect(asleep).toMatchObject({ reason: "sleeping", wakeCheckpoint: "nap" });
    const done = await until(id, "completed");
    expect((done.finishedAtMs ?? 0) - began).toBeGreaterThan(2_000);
    expect(done).toMatchObject({ run: 2, attempts: 0 });
    expect(await linesOf(notes)).toEqual(["after"]);
    await untilSaid(id, '"state":"1"');
    await untilSaid(id, '["env","RUNTARA_CHECKPOINT_ID"] "nap"');
    // The sleep took no time of the second run.
    expect((done.finishedAtMs ?? 0) - (asleep.wakeAtMs ?? 0)).toBeLessThan(10_000);
  });

  it("runs each instance once, whichever node takes it", async () => {
    const notes = file();
    // A sleep is stored before the time that it has left decides how it is slept: that time stays far above `--runtara-hold`.
    const ids = await Promise.all(
      Array.from({ length: 12 }, (_, at) =>
        start(["note", notes, `n${at}`], ["sleep", "s", 4_000, ""], ["completed", "1"]),
      ),
    );
    const done = await Promise.all(ids.map((id) => until(id, "completed")));
    expect(done.map(({ run, generation }) => ({ run, generation }))).toEqual(
      ids.map(() => ({ run: 2, generation: 2 })),
    );
    // Each begins twice: before its sleep and after it.
    const lines = await linesOf(notes);
    for (const at of ids.keys()) expect(lines.filter((line) => line === `n${at}`)).toHaveLength(2);
  });

  it("goes on where NATS was killed, in the same run", async () => {
    const id = await start(["checkpoint", "a", "1"], ["wait_custom_signal", "go"], ["completed", "1"]);
    await until(id, "running");
    await eventually(async () => expect(await runtara.lastCheckpoint(await recordOf(id))).toBe("a"), PATIENT);
    await world.nats.kill9();
    const sent = { checkpoint: "go", payload: Buffer.from("now") };
    await eventually(
      () => runtara.customSignal({ instance: id, tenant: "acme", run: undefined }, sent),
      PATIENT,
    );
    const done = await until(id, "completed", "failed");
    // A call that met the restart fails in the program, which tells no result: that is its own end, and no crash.
    expect(done.run).toBe(1);
    expect(await runsOf(id)).toBe(1);
  });

  it("hands instances of a node that leaves to another one, and counts no crash", async () => {
    const id = await start(["checkpoint", "a", "1"], ["wait_custom_signal", "go"], ["completed", "1"]);
    await until(id, "running");
    await eventually(async () => expect(await runtara.lastCheckpoint(await recordOf(id))).toBe("a"), PATIENT);
    const left = await nodeOf(id);
    await left.drain();
    await eventually(async () => expect((await recordOf(id)).node).not.toBe(left.name), PATIENT);
    await runtara.customSignal(
      { instance: id, tenant: "acme", run: undefined },
      { checkpoint: "go", payload: Buffer.from("now") },
    );
    expect(await until(id, "completed")).toMatchObject({ run: 2, attempts: 0 });
    await untilSaid(id, '"found":true');
  }, 60_000);

  it("goes on elsewhere after its node was killed, and lets the former run write nothing", async () => {
    await world.startNode("node-2");
    const id = await start(["checkpoint", "a", "1"], ["wait_custom_signal", "go"], ["completed", "1"]);
    await until(id, "running");
    await eventually(async () => expect(await runtara.lastCheckpoint(await recordOf(id))).toBe("a"), PATIENT);
    const { run, node } = await recordOf(id);
    await (await nodeOf(id)).kill9();
    await eventually(async () => expect((await recordOf(id)).node).not.toBe(node), PATIENT);
    const former = { instance: id, tenant: "acme", run };
    const state = Buffer.from("late");
    await expect(runtara.checkpoint(former, { id: "b", state })).rejects.toMatchObject({
      code: "RUNTARA_RUN_REPLACED",
    });
    await expect(runtara.complete(former, state)).rejects.toMatchObject({ code: "RUNTARA_RUN_REPLACED" });
    await runtara.customSignal(
      { instance: id, tenant: "acme", run: undefined },
      { checkpoint: "go", payload: Buffer.from("now") },
    );
    expect(await until(id, "completed")).toMatchObject({ run: run + 1, attempts: 1 });
  }, 90_000);
});
