import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { openSpecs } from "../../nats/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startWorld } from "../../test/harness/world.ts";
import { createDependencies } from "./dependencies.ts";
import { createDesiredState } from "./desired-state.ts";
import { keepPurgingLeftovers } from "./leftovers.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

test("chunks that a killed host left of an object are purged from the stores that functions declare", async () => {
  const { connection: nats } = world;
  await world.push(
    "keeper",
    `export default async (request, env) => { await env.STORE.put("o", "whole"); return new Response(await (await env.STORE.get("o")).text()); };`,
    { bindings: [{ name: "STORE", objects: "kept" }] },
  );
  expect(await world.call("/keeper")).toMatchObject({ text: "whole" });
  await jetstream(nats.connection).publish("$O.kept.C.left", "chunk");
  const manager = await jetstreamManager(nats.connection);
  const idsOf = async () =>
    Object.keys(
      (await manager.streams.info("OBJ_kept", { subjects_filter: "$O.kept.C.*" })).state.subjects ?? {},
    );
  expect(await idsOf()).toHaveLength(2);

  const ending = new AbortController();
  const { signal } = ending;
  const log = pino({ level: "silent" });
  const desired = createDesiredState({
    specs: await openSpecs(nats),
    dependencies: createDependencies({ nats, log, onChange: () => undefined }),
    log,
    onChange: () => undefined,
  });
  await desired.follow(signal);
  const purging = keepPurgingLeftovers({ nats, desired, log, signal, everyMs: 20, leftAfterMs: 0 });
  await eventually(async () => expect(await idsOf()).toHaveLength(1));
  ending.abort();
  await purging;
  expect(await world.call("/keeper")).toMatchObject({ text: "whole" });
});
