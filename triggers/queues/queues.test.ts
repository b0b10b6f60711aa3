import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers as createFields } from "@nats-io/transport-node";
import { expect, it } from "vitest";
import { startNatsWorld } from "../../builder/testing/nats-world.ts";
import { buildOf } from "../../builder/testing/source-folder.ts";
import type { TriggerCall } from "../call.ts";
import { CallCounts } from "../call-counts.ts";
import { createQueues } from "./queues.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

it("hands a message's trace to the call of its own, and counts what became of it", async () => {
  await using world = await startNatsWorld();
  const { nats } = world;
  const manager = await jetstreamManager(nats.connection);
  await manager.streams.add({ name: "work", subjects: ["work.>"] });
  const called = Promise.withResolvers<TriggerCall>();
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const queues = createQueues({
    ...{ nats, node: "node-0", secretsKey: undefined, egressDeny: [], specOf: () => undefined },
    log: { debug: () => undefined, ...log },
    calls: {
      counts: new CallCounts(),
      async call(call) {
        called.resolve(call);
        return { kind: "answered", status: 200, fields: [], data: Buffer.from("{}") };
      },
      dispatch: () => Promise.reject(new Error("no call needs it")),
      close: () => undefined,
    },
  });
  const { config, revision } = await buildOf("fn", "hello", "consume: { stream: work, batch: 1 }\n");
  queues.onSpec("fn", { ...config, revision });
  const fields = createFields();
  fields.set("traceparent", TRACEPARENT);
  fields.set("other", "stays with the message");
  await jetstream(nats.connection).publish("work.a", "1", { headers: fields });
  const { fields: sent } = await called.promise;
  expect(sent).toEqual(["traceparent", TRACEPARENT]);
  await queues.drain({ graceMs: 5_000 });
  const labels = { function: "fn", stream: "work", consumer: "narun-fn" };
  const values = (queues.metrics?.() ?? []).map(({ name, values: [only] }) => [name, only]);
  expect(Object.fromEntries(values)).toEqual({
    narun_queue_ready: { labels, value: 0 },
    narun_queue_depth: { labels, value: 0 },
    narun_queue_in_flight: { labels, value: 0 },
    narun_queue_acked_total: { labels, value: 1 },
    narun_queue_retried_total: { labels, value: 0 },
    narun_queue_dead_total: { labels, value: 0 },
    narun_queue_given_back_total: { labels, value: 0 },
  });
});
