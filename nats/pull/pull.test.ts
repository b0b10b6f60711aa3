import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { connectNats, type Nats } from "../connection.ts";
import { ensureConsumer } from "./durable-consumer.ts";
import { Pull, type PullOptions } from "./pull.ts";

let server: TestNats;
let nats: Nats;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

const TEXTS = Array.from({ length: 50 }, (_, at) => String(at));
const CONSUMER = { stream: "work", name: "narun-fn", owner: "fn", filters: [], from: "first" } as const;

it("gives back the messages that come after it was closed", async () => {
  const manager = await jetstreamManager(nats.connection);
  await manager.streams.add({ name: "work", subjects: ["work.>"] });
  for (const text of TEXTS) await jetstream(nats.connection).publish("work.a", text);
  await ensureConsumer(nats, { ...CONSUMER, ackWaitMs: 600_000, maxPending: 1_000 });
  const pull = (onMessage: PullOptions["onMessage"]): Pull =>
    new Pull({ nats, stream: "work", consumer: "narun-fn", onMessage, onTrouble: () => undefined });
  const closed = Promise.withResolvers<void>();
  const first: string[] = [];
  const reader = pull((message) => {
    first.push(Buffer.from(message.data).toString());
    message.ack();
    // The server sent the others already.
    void reader.close().then(closed.resolve);
  });
  reader.want(TEXTS.length);
  await closed.promise;
  expect(first).toEqual(["0"]);
  const rest = new Set<string>();
  const next = pull((message) => {
    rest.add(Buffer.from(message.data).toString());
    message.ack();
  });
  next.want(TEXTS.length);
  await eventually(() => expect(rest.size).toBe(TEXTS.length - 1));
  await next.close();
});
