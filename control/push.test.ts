import { AckPolicy, jetstreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { announceNode, readAsNode, startNatsWorld, startTrialNode } from "../builder/testing/nats-world.ts";
import { buildOf } from "../builder/testing/source-folder.ts";
import { isNarunError, messageOf, subjects, type TrialReply } from "../contracts/index.ts";
import {
  ensureConsumer,
  type Nats,
  openBinaries,
  openCalls,
  openRevisions,
  openSpecs,
} from "../nats/index.ts";
import { type PushProgress, pushBuild } from "./push.ts";
import { removeFunction } from "./revisions.ts";

async function liveRevision(nats: Nats, name: string): Promise<string | undefined> {
  const read = await (await openSpecs(nats)).get(name);
  return read?.ok && read.value.kind === "function" ? read.value.spec.revision : undefined;
}

const ok: TrialReply = { outcome: "ok" };

test("stores files and manifest and makes the spec; without a node it says that nothing tried it", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const build = await buildOf("first");
  const steps: PushProgress[] = [];
  const result = await pushBuild(nats, build, { onProgress: (step) => steps.push(step) });
  expect(result).toEqual({
    name: "first",
    revision: build.revision,
    unchanged: false,
    tried: false,
    whyUntried: "no-node",
    missingServices: [],
    queueProblems: [],
    answering: true,
  });
  expect(steps).toEqual([
    { step: "upload", file: "bundle", bytes: build.bundle.byteLength },
    { step: "upload", file: "sourceMap", bytes: build.sourceMap.byteLength },
  ]);
  const spec = await (await openSpecs(nats)).get("first");
  expect(spec).toMatchObject({
    value: { kind: "function", spec: { ...build.config, revision: build.revision } },
  });
  const manifest = await readAsNode(nats, { function: "first", revision: build.revision });
  expect(manifest).toEqual(build.manifest);
});

test("what is live already is not pushed again", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const build = await buildOf("same");
  await pushBuild(nats, build);
  const before = await (await openSpecs(nats)).get("same");
  const steps: PushProgress[] = [];
  const again = await pushBuild(nats, build, { onProgress: (step) => steps.push(step) });
  expect(again).toEqual({
    name: "same",
    revision: build.revision,
    unchanged: true,
    tried: false,
    missingServices: [],
    queueProblems: [],
    answering: true,
  });
  expect(steps).toEqual([]);
  expect((await (await openSpecs(nats)).get("same"))?.revision).toBe(before?.revision);
});

test("nodes that run, but not functions of this mode, are told apart from none; so are those that refuse", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  await startTrialNode(nats, "n1", () => ({ outcome: "failed", code: "NODE_FULL", message: "full" }));
  const build = await buildOf("nodes", "hello", "mode: node\n");
  expect(await pushBuild(nats, build)).toMatchObject({ tried: false, whyUntried: "no-node-of-mode" });
  expect(await pushBuild(nats, await buildOf("isolates"))).toMatchObject({
    tried: false,
    whyUntried: "not-taken",
  });
});

test("names the bindings to services that are not there, each time, and pushes all the same", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  await pushBuild(nats, await buildOf("there"));
  const bindings = `bindings:
  - { name: SELF, service: front }
  - { name: THERE, service: there }
  - { name: GONE, service: theer }
  - { name: CACHE, kv: theer }
  - { name: REGISTRY, service: narun-registry }
`;
  const build = await buildOf("front", "hello", bindings);
  const missingServices = [{ binding: "GONE", service: "theer" }];
  expect(await pushBuild(nats, build)).toMatchObject({ unchanged: false, missingServices });
  expect(await pushBuild(nats, build)).toMatchObject({ unchanged: true, missingServices });
  await pushBuild(nats, await buildOf("theer"));
  expect(await pushBuild(nats, build)).toMatchObject({ missingServices: [] });
});

test("names the streams that are missing or have another owner's consumer, and pushes all the same", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const manager = await jetstreamManager(nats.connection);
  await manager.streams.add({ name: "taken", subjects: ["taken.>"] });
  await manager.consumers.add("taken", { durable_name: "narun-reader", ack_policy: AckPolicy.Explicit });
  const build = await buildOf("reader", "hello", "consume: [{ stream: absent }, { stream: taken }]\n");
  const { queueProblems } = await pushBuild(nats, build);
  expect(queueProblems).toEqual([
    { code: "QUEUE_STREAM_MISSING", stream: "absent", consumer: "narun-reader" },
    { code: "QUEUE_CONSUMER_TAKEN", stream: "taken", consumer: "narun-reader" },
  ]);
  expect(await pushBuild(nats, build)).toMatchObject({ unchanged: true, queueProblems });
});

test("deletes the consumers that no revision in force reads, also where no node runs", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const manager = await jetstreamManager(nats.connection);
  const consumersOf = async (stream: string) => {
    const { state } = await manager.streams.info(stream);
    return state.consumer_count;
  };
  for (const stream of ["one", "two"]) {
    await manager.streams.add({ name: stream, subjects: [`${stream}.>`] });
    const reader = { stream, name: "narun-reader", owner: "reader", filters: [], from: "first" } as const;
    await ensureConsumer(nats, { ...reader, ackWaitMs: 1_000, maxPending: 1 });
  }
  await pushBuild(nats, await buildOf("reader", "1", "consume: [{ stream: one }, { stream: two }]\n"));
  await pushBuild(nats, await buildOf("reader", "2", "consume: [{ stream: two }]\n"));
  expect([await consumersOf("one"), await consumersOf("two")]).toEqual([0, 1]);
  await removeFunction(nats, "reader");
  expect(await consumersOf("two")).toBe(0);
});

test("calls of a function that is removed end at once", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  await pushBuild(nats, await buildOf("later"));
  const calls = await openCalls(nats);
  const facts = { id: "a".repeat(22), location: "/later/.narun/calls/a" };
  const times = { function: "later", method: "POST", requestId: "r", acceptedAt: 1, attempts: 0 };
  await calls.submit({ service: "later", facts, headers: new Map(), data: new Uint8Array() });
  await calls.records.create(facts.id, { ...times, state: "queued" });
  expect(await calls.waiting()).toEqual(["later"]);
  await removeFunction(nats, "later");
  expect(await calls.records.get(facts.id)).toMatchObject({
    value: { state: "failed", code: "CALL_DROPPED" },
  });
  expect(await calls.waiting()).toEqual([]);
});

test("equal files are stored once", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  await pushBuild(nats, await buildOf("shared"));
  const steps: PushProgress[] = [];
  const other = await buildOf("shared", "hello", "scale: { max: 3 }\n");
  await pushBuild(nats, other, { onProgress: (step) => steps.push(step) });
  expect(steps).toEqual([]);
  expect(await liveRevision(nats, "shared")).toBe(other.revision);
});

test("pushing what is live stores lost and damaged files anew", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const build = await buildOf("damaged");
  await pushBuild(nats, build);
  const binaries = await openBinaries(nats);
  await binaries.put(build.manifest.bundle.sha256, Buffer.from("something else"), { replace: true });
  await binaries.delete(build.manifest.sourceMap.sha256);
  expect(await pushBuild(nats, build)).toMatchObject({ unchanged: true });
  expect(await readAsNode(nats, { function: "damaged", revision: build.revision })).toBeDefined();
});

test("of two pushes that begin at the same state one wins", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const builds = await Promise.all([buildOf("race", "1"), buildOf("race", "2")]);
  await pushBuild(nats, await buildOf("race", "0"));
  // Both are tried before one of them goes on: both have read the same state by then.
  const bothTried = Promise.withResolvers<void>();
  let tried = 0;
  await startTrialNode(nats, "n1", async () => {
    if (++tried === 2) bothTried.resolve();
    await bothTried.promise;
    return ok;
  });
  const results = await Promise.allSettled(builds.map((build) => pushBuild(nats, build)));
  const [lost] = results.filter(({ status }) => status === "rejected");
  expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(lost).toMatchObject({
    reason: { code: "PUSH_CONFLICT", fields: { detail: expect.stringMatching(/^race is at revision/) } },
  });
  const winner = builds[results.findIndex(({ status }) => status === "fulfilled")];
  expect(await liveRevision(nats, "race")).toBe(winner?.revision);
  // The losing revision was deleted.
  expect(await (await openRevisions(nats)).list("race.*")).toHaveLength(2);
});

test("two pushes of the very same both succeed", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const build = await buildOf("twins");
  const results = await Promise.all([pushBuild(nats, build), pushBuild(nats, build)]);
  expect(results).toMatchObject([{ revision: build.revision }, { revision: build.revision }]);
  expect(await liveRevision(nats, "twins")).toBe(build.revision);
});

test("a service of the original toolkit is left alone", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const kv = await openSpecs(nats);
  await writeRaw(nats, "svc", "name: svc\nmode: exec\ncommand: ./svc\n");
  await expect(pushBuild(nats, await buildOf("svc"))).rejects.toMatchObject({
    code: "NAME_TAKEN",
    fields: { detail: expect.stringContaining("is a service") },
  });
  expect(await kv.get("svc")).toMatchObject({ value: { kind: "service" } });
});

test("a spec that is not valid is overwritten", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  await writeRaw(nats, "broken", "name: broken\nmode: isolate\nrevision: nonsense\n");
  const build = await buildOf("broken");
  await pushBuild(nats, build);
  expect(await liveRevision(nats, "broken")).toBe(build.revision);
});

test("an aborted push leaves the old revision live", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const old = await buildOf("aborted", "old");
  await pushBuild(nats, old);
  await expect(
    pushBuild(nats, await buildOf("aborted", "new"), { signal: AbortSignal.abort() }),
  ).rejects.toThrow("aborted");
  expect(await liveRevision(nats, "aborted")).toBe(old.revision);
});

test("a node tries the revision, with everything stored, before it goes live", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const build = await buildOf("tried");
  const trials = await startTrialNode(nats, "n1", async (trial) => {
    await readAsNode(nats, trial);
    return (await liveRevision(nats, "tried")) === undefined ? ok : failure("it is live already");
  });
  expect(await pushBuild(nats, build)).toMatchObject({ unchanged: false, tried: true });
  expect(trials).toEqual([{ function: "tried", revision: build.revision }]);
  expect(await liveRevision(nats, "tried")).toBe(build.revision);
});

test("a revision that does not start leaves the old one live and nothing behind", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const old = await buildOf("failing", "old");
  await pushBuild(nats, old);
  await startTrialNode(nats, "n1", () => ({
    ...failure("boom"),
    stack: "Error: boom\n    at index.ts:1:7",
  }));
  const bad = await buildOf("failing", "bad");
  await expect(pushBuild(nats, bad)).rejects.toMatchObject({
    code: "TRIAL_FAILED",
    fields: {
      detail: "boom",
      node: "n1",
      reason: "HANDLER_THREW",
      stack: "Error: boom\n    at index.ts:1:7",
    },
  });
  expect(await liveRevision(nats, "failing")).toBe(old.revision);
  expect((await (await openRevisions(nats)).list("failing.*")).map(({ key }) => key)).toEqual([
    `failing.${old.revision}`,
  ]);
  expect(await (await openBinaries(nats)).has(bad.manifest.bundle.sha256)).toBe(false);
  expect(await (await openBinaries(nats)).has(old.manifest.bundle.sha256)).toBe(true);
});

test("a revision that was there before stays when its trial fails", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const [a, b] = [await buildOf("kept", "a"), await buildOf("kept", "b")];
  await pushBuild(nats, a);
  await pushBuild(nats, b);
  await startTrialNode(nats, "n1", () => failure("boom"));
  await expect(pushBuild(nats, a)).rejects.toMatchObject({ code: "TRIAL_FAILED" });
  expect(await (await openRevisions(nats)).list("kept.*")).toHaveLength(2);
  await readAsNode(nats, { function: "kept", revision: a.revision });
});

test("nodes that are gone, stopping, full or of other modes are passed over", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  await announceNode(nats, "dead");
  await announceNode(nats, "node-only", { modes: ["node"] });
  await announceNode(nats, "stopping", { status: "shutting_down" });
  const refused = await startTrialNode(nats, "full", () => ({ ...failure("no room"), code: "NODE_FULL" }));
  const trials = await startTrialNode(nats, "willing", () => ok);
  const asked: string[] = [];
  const onProgress = (progress: PushProgress) => {
    if (progress.step === "trial") asked.push(progress.node);
  };
  for (const text of ["1", "2", "3"]) {
    expect(await pushBuild(nats, await buildOf("spread", text), { onProgress })).toMatchObject({
      tried: true,
    });
  }
  expect(trials).toHaveLength(3);
  expect(refused.length).toBeLessThanOrEqual(3);
  expect(asked).not.toContain("node-only");
  expect(asked).not.toContain("stopping");
});

test("damaged storage is replaced and the revision tried again", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const build = await buildOf("repaired");
  const binaries = await openBinaries(nats);
  await binaries.put(build.manifest.bundle.sha256, build.bundle);
  await loseChunks(nats);
  const trials = await startTrialNode(nats, "n1", (trial) =>
    readAsNode(nats, trial).then(
      () => ok,
      (error: unknown) => ({
        outcome: "failed",
        code: isNarunError(error) ? error.code : "INTERNAL",
        message: messageOf(error),
      }),
    ),
  );
  expect(await pushBuild(nats, build)).toMatchObject({ tried: true });
  expect(trials).toHaveLength(2);
  expect(await liveRevision(nats, "repaired")).toBe(build.revision);
});

test("a trial whose request is lost, as with its server, is asked for again", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  let requests = 0;
  const trials = await startTrialNode(nats, "n1", () => (requests++ === 0 ? undefined : ok));
  const result = await pushBuild(nats, await buildOf("asked-again"));
  expect(result).toMatchObject({ tried: true });
  expect(trials).toHaveLength(2);
});

test("a node that is lost while it tries is passed over", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const subscribed = nats.subscribe(subjects.trial("n1"), () => subscribed.unsubscribe());
  await announceNode(nats, "n1");
  const result = await pushBuild(nats, await buildOf("lost-node"));
  expect(result).toMatchObject({ tried: false, whyUntried: "not-taken" });
});

test("an abort while a node tries it ends the push at once", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const controller = new AbortController();
  await startTrialNode(nats, "n1", () => {
    controller.abort(new Error("enough"));
    return undefined;
  });
  await expect(pushBuild(nats, await buildOf("slow"), { signal: controller.signal })).rejects.toThrow(
    "enough",
  );
  expect(await liveRevision(nats, "slow")).toBeUndefined();
  expect(await (await openRevisions(nats)).list("slow.*")).toEqual([]);
});

function failure(message: string): TrialReply & { outcome: "failed" } {
  return { outcome: "failed", code: "HANDLER_THREW", message };
}

/** Writes into app-configs what narun itself would not. */
async function writeRaw(nats: Nats, key: string, text: string): Promise<void> {
  await openSpecs(nats);
  await nats.request(`$KV.app-configs.${key}`, text, { timeoutMs: 5_000 });
}

/** Takes a file's chunks away and leaves its entry, as a failing disk does. */
async function loseChunks(nats: Nats): Promise<void> {
  const reply = await nats.request(
    "$JS.API.STREAM.PURGE.OBJ_app-binaries",
    JSON.stringify({ filter: "$O.app-binaries.C.>" }),
    {
      timeoutMs: 5_000,
    },
  );
  expect(JSON.parse(reply.text())).toMatchObject({ success: true });
}
