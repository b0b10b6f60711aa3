import { jetstreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import type { Build } from "../builder/index.ts";
import { readAsNode, startNatsWorld, startTrialNode } from "../builder/testing/nats-world.ts";
import { buildOf } from "../builder/testing/source-folder.ts";
import { type Nats, openBinaries, openRevisions, openSpecs } from "../nats/index.ts";
import { pushBuild } from "./push.ts";
import { KEPT_REVISIONS, type StoredRevision } from "./registry.ts";
import { decideByPrefix, listRevisions, removeFunction, rollback } from "./revisions.ts";

/** Pushes one build after the other. */
async function pushAll(nats: Nats, name: string, texts: string[]): Promise<Build[]> {
  const builds: Build[] = [];
  for (const text of texts) {
    const build = await buildOf(name, text);
    await pushBuild(nats, build);
    builds.push(build);
  }
  return builds;
}

async function activeOf(nats: Nats, name: string): Promise<string | undefined> {
  return (await listRevisions(nats, name)).find(({ active }) => active)?.revision;
}

test("revisions are listed with the newest first and the live one marked", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const [a, b] = await pushAll(nats, "hello", ["a", "b"]);
  await pushAll(nats, "hello-2", ["other"]);
  const listed = await listRevisions(nats, "hello");
  expect(listed).toEqual([
    {
      revision: b?.revision,
      active: true,
      size: b?.bundle.byteLength,
      pushedAt: expect.stringMatching(/^\d{4}-/),
    },
    {
      revision: a?.revision,
      active: false,
      size: a?.bundle.byteLength,
      pushedAt: expect.stringMatching(/Z$/),
    },
  ]);
});

test.each([
  ["helo", 'helo; did you mean "hello"?'],
  ["quite-another", "quite-another"],
  ["not a name", "not a name"],
])("an unknown function is not found: %s", async (name, detail) => {
  await using world = await startNatsWorld();
  const { nats } = world;
  await pushAll(nats, "hello", ["a"]);
  for (const call of [listRevisions, rollback, removeFunction]) {
    await expect(call(nats, name)).rejects.toMatchObject({ code: "FUNCTION_NOT_FOUND", fields: { detail } });
  }
});

test("the oldest revisions and their files go, the live one never does", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const texts = Array.from({ length: KEPT_REVISIONS + 2 }, (_, index) => `number ${index}`);
  const builds = await pushAll(nats, "hello", texts);
  const listed = (await listRevisions(nats, "hello")).map(({ revision }) => revision);
  expect(listed).toEqual(
    builds
      .slice(-KEPT_REVISIONS)
      .map(({ revision }) => revision)
      .reverse(),
  );
  const binaries = await openBinaries(nats);
  expect(await binaries.has(builds[0]?.manifest.bundle.sha256 ?? "")).toBe(false);
  expect(await binaries.has(builds.at(-1)?.manifest.bundle.sha256 ?? "")).toBe(true);
});

test("a rollback goes to the revision before the live one, step by step, to the first", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const [a, b, c] = await pushAll(nats, "hello", ["a", "b", "c"]);
  expect(await rollback(nats, "hello")).toEqual({
    name: "hello",
    revision: b?.revision,
    from: c?.revision,
    answering: true,
  });
  expect(await rollback(nats, "hello")).toEqual({
    name: "hello",
    revision: a?.revision,
    from: b?.revision,
    answering: true,
  });
  await expect(rollback(nats, "hello")).rejects.toMatchObject({ code: "REVISION_NOT_FOUND" });
  expect(await activeOf(nats, "hello")).toBe(a?.revision);
});

test("an old revision that is pushed again is the newest; a rollback goes to what was live before", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const [a, b] = await pushAll(nats, "hello", ["a", "b", "a"]);
  expect((await listRevisions(nats, "hello")).map(({ revision }) => revision)).toEqual([
    a?.revision,
    b?.revision,
  ]);
  expect(await rollback(nats, "hello")).toMatchObject({ revision: b?.revision, from: a?.revision });
});

test("a rollback takes the configuration along", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const old = await buildOf("hello", "a", "env: [{ name: A, value: old }]\n");
  await pushBuild(nats, old);
  await pushBuild(nats, await buildOf("hello", "b", "env: [{ name: A, value: new }]\n"));
  await rollback(nats, "hello");
  expect(await (await openSpecs(nats)).get("hello")).toMatchObject({
    value: { spec: { revision: old.revision, env: [{ name: "A", value: "old" }] } },
  });
});

test("a rollback to a revision by its first digits; to the live one it changes nothing", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const [a, , c] = await pushAll(nats, "hello", ["a", "b", "c"]);
  const result = await rollback(nats, "hello", a?.revision.slice(0, 12).toUpperCase());
  expect(result).toEqual({
    name: "hello",
    revision: a?.revision,
    from: c?.revision,
    answering: true,
  });
  expect(await rollback(nats, "hello", a?.revision)).toEqual({
    name: "hello",
    revision: a?.revision,
    from: a?.revision,
    answering: true,
  });
});

test("a spec that is not valid is repaired by a rollback to the newest revision", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const [, b] = await pushAll(nats, "hello", ["a", "b"]);
  await nats.request("$KV.app-configs.hello", "mode: isolate\nrevision: nonsense\n", { timeoutMs: 5_000 });
  expect(await rollback(nats, "hello")).toEqual({ name: "hello", revision: b?.revision, answering: true });
  expect(await activeOf(nats, "hello")).toBe(b?.revision);
});

test("a rollback to a revision that does not start any more leaves the live one", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const [, b] = await pushAll(nats, "hello", ["a", "b"]);
  await startTrialNode(nats, "n1", () => ({ outcome: "failed", code: "HANDLER_THREW", message: "boom" }));
  await expect(rollback(nats, "hello")).rejects.toMatchObject({
    code: "TRIAL_FAILED",
    fields: { detail: "boom" },
  });
  expect(await activeOf(nats, "hello")).toBe(b?.revision);
});

test("removing a function takes its revisions and files, and leaves those that others share", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const [a, b] = await pushAll(nats, "hello", ["a", "b"]);
  const shared = await buildOf("hello", "b");
  // The same code under another name: the same files.
  await pushBuild(nats, rename(shared, "twin"));
  expect(await removeFunction(nats, "hello")).toEqual({
    name: "hello",
    revisions: [b?.revision, a?.revision],
    binaries: [],
  });

  expect(await (await openSpecs(nats)).get("hello")).toBeUndefined();
  expect(await (await openRevisions(nats)).list("hello.*")).toEqual([]);
  const binaries = await openBinaries(nats);
  expect(await binaries.has(a?.manifest.bundle.sha256 ?? "")).toBe(false);
  expect(await binaries.has(a?.manifest.sourceMap.sha256 ?? "")).toBe(false);
  const [twin] = await listRevisions(nats, "twin");
  await readAsNode(nats, { function: "twin", revision: twin?.revision ?? "" });
  await expect(removeFunction(nats, "hello")).rejects.toMatchObject({ code: "FUNCTION_NOT_FOUND" });
  // A name that was removed can be used again.
  expect(await pushBuild(nats, shared)).toMatchObject({ unchanged: false });
});

test("a removal that breaks off is taken up by the next one", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const [build] = await pushAll(nats, "half", ["a"]);
  const manager = await jetstreamManager(nats.connection);
  // The store of files takes no order to delete one.
  const { config } = await manager.streams.info("OBJ_app-binaries");
  await manager.streams.update("OBJ_app-binaries", { ...config, max_msg_size: 1 });
  await expect(removeFunction(nats, "half")).rejects.toThrow();
  await manager.streams.update("OBJ_app-binaries", { ...config, max_msg_size: -1 });
  await removeFunction(nats, "half");
  expect(await (await openBinaries(nats)).has(build?.manifest.bundle.sha256 ?? "")).toBe(false);
  await expect(removeFunction(nats, "half")).rejects.toMatchObject({ code: "FUNCTION_NOT_FOUND" });
});

test("a service of the original toolkit is removed, and not rolled back", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const specs = await openSpecs(nats);
  await nats.request("$KV.app-configs.svc", "name: svc\nmode: exec\n", { timeoutMs: 5_000 });
  await expect(rollback(nats, "svc")).rejects.toMatchObject({ code: "FUNCTION_NOT_FOUND" });
  expect(await specs.get("svc")).toMatchObject({ value: { kind: "service" } });
  expect(await removeFunction(nats, "svc")).toEqual({ name: "svc", revisions: [], binaries: [] });
  expect(await specs.get("svc")).toBeUndefined();
});

test.each([
  ["abc", "give at least 4 digits"],
  ["abcd1", undefined],
  ["abcd", "may be abcd1"],
  ["ffff", '"ffff"'],
])("a prefix names one revision or none: %s", (prefix, problem) => {
  const stored = ["abcd1", "abcd2", "0123"].map((revision) => ({ revision }) as StoredRevision);
  if (problem === undefined) expect(decideByPrefix(stored, prefix).revision).toBe("abcd1");
  else expect(() => decideByPrefix(stored, prefix)).toThrow(problem);
});

function rename(build: Build, name: string): Build {
  const config = { ...build.config, name };
  return { ...build, config, manifest: { ...build.manifest, config }, revision: "0".repeat(64) };
}
