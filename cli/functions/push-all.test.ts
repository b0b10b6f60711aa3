import { expect, test } from "vitest";
import { buildFunction } from "../../builder/index.ts";
import { connectNats, openSpecs } from "../../nats/index.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { answering, createWorkFolder } from "../testing/work-folder.ts";
import { BUILT_AHEAD, pushAll, startBuilds } from "./push-all.ts";

test("of sixty functions few are built before their turn, and few builds are held", async () => {
  const names = Array.from({ length: 60 }, (_, index) => `f${index}`);
  await using folder = await createWorkFolder(
    Object.fromEntries(names.map((name) => [`${name}/index.ts`, answering(name)])),
  );
  await using server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "test" });
  await using _ = { [Symbol.asyncDispose]: () => nats.close() };

  const held = { now: 0, most: 0 };
  const builds = await startBuilds(
    names.map((name) => folder.path(name)),
    (dir) => {
      held.now += 1;
      held.most = Math.max(held.most, held.now);
      return buildFunction(dir);
    },
  );
  expect(held.now).toBe(BUILT_AHEAD);
  const onPushed = () => {
    held.now -= 1;
  };
  expect(await pushAll(nats, builds, { signal: new AbortController().signal, onPushed })).toMatchObject({
    failures: [],
  });
  expect(held).toEqual({ now: 0, most: BUILT_AHEAD });
  expect(await (await openSpecs(nats)).list()).toHaveLength(60);
}, 60_000);
