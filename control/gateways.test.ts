import { expect, test } from "vitest";
import { startNatsWorld } from "../builder/testing/nats-world.ts";
import { buildOf } from "../builder/testing/source-folder.ts";
import { GATEWAY_SERVICE, type GatewayStats, subjects } from "../contracts/index.ts";
import { type Nats, openSpecs, registerMicroService } from "../nats/index.ts";
import { pushBuild } from "./push.ts";

/** A gateway as far as a push sees it. Resolves `asked` at a request for its statistics. */
function startSlowGateway(nats: Nats) {
  const asked = Promise.withResolvers<void>();
  let specs = 0;
  let outdated: string[] = [];
  registerMicroService(nats, {
    name: GATEWAY_SERVICE,
    version: "1.0.0",
    endpoints: [{ name: "invoke", subject: subjects.invokeAll, handle: (_message, done) => done() }],
    stats: (): GatewayStats => {
      asked.resolve();
      return { specs, outdated };
    },
  });
  return {
    asked: asked.promise,
    takeIn: (revision: number) => {
      specs = revision;
    },
    /** Instances of an older revision answer for these. */
    answersOld: (...names: string[]) => {
      outdated = names;
    },
  };
}

test("a push is done when the gateways have its routes", async () => {
  await using world = await startNatsWorld();
  const gateway = startSlowGateway(world.nats);
  await world.nats.flush();
  let isDone = false;
  const pushing = pushBuild(world.nats, await buildOf("routed")).finally(() => {
    isDone = true;
  });
  await gateway.asked;
  const written = await (await openSpecs(world.nats)).get("routed");
  expect(isDone).toBe(false);
  gateway.takeIn(written?.revision ?? 0);
  expect(await pushing).toMatchObject({ name: "routed", unchanged: false });
});

test("a gateway that hangs does not hold up a push", async () => {
  await using world = await startNatsWorld();
  startSlowGateway(world.nats);
  await world.nats.flush();
  expect(await pushBuild(world.nats, await buildOf("routed"))).toMatchObject({ name: "routed" });
});

test("a push is done when no gateway answers with the revision before", async () => {
  await using world = await startNatsWorld();
  const gateway = startSlowGateway(world.nats);
  gateway.takeIn(Number.MAX_SAFE_INTEGER);
  gateway.answersOld("routed", "other");
  await world.nats.flush();
  const steps: string[] = [];
  const replacing = Promise.withResolvers<void>();
  const pushing = pushBuild(world.nats, await buildOf("routed"), {
    onProgress({ step }) {
      steps.push(step);
      if (step === "replace") replacing.resolve();
    },
  }).finally(() => steps.push("done"));
  await replacing.promise;
  expect(steps.filter((step) => step === "replace" || step === "done")).toEqual(["replace"]);
  gateway.answersOld("other");
  expect(await pushing).toMatchObject({ unchanged: false, answering: true });
  expect(steps.filter((step) => step === "replace")).toHaveLength(1);
});

test("a push says where the revision before still answers, and does not wait for ever", async () => {
  await using world = await startNatsWorld();
  const gateway = startSlowGateway(world.nats);
  gateway.takeIn(Number.MAX_SAFE_INTEGER);
  gateway.answersOld("routed");
  await world.nats.flush();
  const build = await buildOf("routed", "hello", "limits: { startMs: 1 }\n");
  expect(await pushBuild(world.nats, build)).toMatchObject({ unchanged: false, answering: false });
  expect(await pushBuild(world.nats, build)).toMatchObject({ unchanged: true, answering: false });
});
