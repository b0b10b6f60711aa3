/** Revisions of programs: replaced, rolled back, listed, removed, and stored as the original toolkit's. */
import { afterAll, expect, it } from "vitest";
import { listFunctions, listRevisions, removeFunction, rollback } from "../../control/index.ts";
import { openBinaries, openByteObjects } from "../../nats/index.ts";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const push = (name: string, text: string, changes: object = {}) =>
  world.push(name, { "server.mjs": text }, { mode: "exec", command: "server.mjs", ...changes });

it("are replaced, rolled back and removed, with their files", async () => {
  const first = await push("versions", programSource({ act: `answer("one")` }));
  expect(await world.call("/versions")).toMatchObject({ text: "one" });
  const second = await push("versions", programSource({ act: `answer("two")` }));
  expect(await world.call("/versions")).toMatchObject({ text: "two" });
  expect(await push("versions", programSource({ act: `answer("two")` }))).toMatchObject({ unchanged: true });
  expect(await rollback(world.connection, "versions")).toMatchObject({ revision: first.revision });
  expect(await world.call("/versions")).toMatchObject({ text: "one" });
  expect(
    (await listRevisions(world.connection, "versions")).map(({ revision, active }) => [revision, active]),
  ).toEqual([
    [second.revision, false],
    [first.revision, true],
  ]);
  expect(await listFunctions(world.connection)).toMatchObject([
    { name: "versions", mode: "exec", revision: first.revision, state: "running", instances: 1 },
  ]);

  const objects = openByteObjects(world.connection, "app-binaries");
  const tag = first.revision.slice(0, 12);
  expect(await objects.info(`versions-${tag}-linux-amd64`)).toMatchObject({
    metadata: { "narun-app-name": "versions", "narun-version-tag": tag, "narun-original-file": "server.mjs" },
  });
  const { binaries } = await removeFunction(world.connection, "versions");
  expect(binaries.sort()).toEqual(
    [first, second].map(({ revision }) => `versions-${revision.slice(0, 12)}-linux-amd64`).sort(),
  );
  await world.announced("versions", "gone", 3);
  expect((await objects.list({ prefix: "", limit: 100, after: 0 })).objects).toEqual([]);
  expect(await (await openBinaries(world.connection)).has("0".repeat(64))).toBe(false);
});
