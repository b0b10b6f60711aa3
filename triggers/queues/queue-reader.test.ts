import { AckPolicy, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DeadError } from "../../contracts/index.ts";
import {
  connectNats,
  createGivenBack,
  type DurableConsumer,
  type Nats,
  type PulledMessage,
} from "../../nats/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { type BatchResult, QueueReader, type QueueReaderOptions, type ReaderState } from "./queue-reader.ts";

let server: TestNats;
let nats: Nats;
let manager: JetStreamManager;
let streams = 0;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
  manager = await jetstreamManager(nats.connection);
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

async function createStream(count = 0): Promise<string> {
  const name = `stream-${streams++}`;
  await manager.streams.add({ name, subjects: [`${name}.>`] });
  await publish(name, count);
  return name;
}

async function publish(stream: string, count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    await jetstream(nats.connection).publish(`${stream}.a`, String(number));
  }
}

const consumerOf = (stream: string, settings: Partial<DurableConsumer> = {}): DurableConsumer => ({
  ...{
    stream,
    name: "narun-fn",
    owner: "fn",
    filters: [],
    ackWaitMs: 30_000,
    maxPending: 1_000,
    from: "first",
  },
  ...settings,
});

const ack = (messages: readonly PulledMessage[]): BatchResult => ({
  kind: "answered",
  verdicts: messages.map(() => ({ kind: "ack" })),
});
const retry = (messages: readonly PulledMessage[], error?: DeadError): BatchResult => ({
  kind: "answered",
  verdicts: messages.map(() => ({ kind: "retry", delaySeconds: undefined })),
  error,
});

/** A reader, and a record of its work. */
function startReader(
  consumer: DurableConsumer,
  handle: (messages: readonly PulledMessage[], signal: AbortSignal) => BatchResult | Promise<BatchResult>,
  settings: Partial<QueueReaderOptions> = {},
) {
  const batches: string[][] = [];
  const states: ReaderState[] = [];
  const buried: { text: string; deliveries: number; error: DeadError }[] = [];
  const reader = new QueueReader({
    ...{ nats, consumer, size: 10, waitMs: 0, slots: 1 },
    policy: { maxDeliver: 3, minMs: 1, maxMs: 1 },
    handle: async (messages, signal) => {
      batches.push(messages.map(textOf));
      return handle(messages, signal);
    },
    bury: async (message, error) => {
      buried.push({ text: textOf(message), deliveries: message.deliveries, error });
    },
    events: {
      state: (state) => void states.push(state),
      settled: () => undefined,
      depth: () => undefined,
      fault: (error) => {
        throw error;
      },
    },
    ...settings,
  });
  reader.start();
  return { reader, batches, states, buried, taken: () => batches.flat() };
}

const textOf = ({ data }: PulledMessage) => Buffer.from(data).toString();
const numbers = (count: number) => Array.from({ length: count }, (_, at) => String(at));

async function untilAcked(stream: string): Promise<void> {
  await eventually(async () => {
    const info = await manager.consumers.info(stream, "narun-fn");
    expect([info.num_pending, info.num_ack_pending]).toEqual([0, 0]);
  });
}

describe("a reader of a queue", () => {
  it("hands over batches in order, and acks what was taken", async () => {
    const stream = await createStream(25);
    const { reader, batches, taken } = startReader(consumerOf(stream), ack);
    await untilAcked(stream);
    expect(taken()).toEqual(numbers(25));
    expect(Math.max(...batches.map(({ length }) => length))).toBe(10);
    await reader.close(1_000);
  });

  it("gives each message that failed again, then its dead letter", async () => {
    const stream = await createStream(3);
    const error = { message: "no database", stack: "at fn" };
    const { reader, batches, buried } = startReader(consumerOf(stream), (messages) => retry(messages, error));
    await untilAcked(stream);
    expect(buried.map(({ text }) => text).sort()).toEqual(numbers(3));
    expect(buried[0]).toMatchObject({ deliveries: 3, error });
    // At its last attempt each of them is alone.
    expect(batches.slice(-3).map(({ length }) => length)).toEqual([1, 1, 1]);
    await reader.close(1_000);
  });

  it("buries the message that ends its instance, and none that was beside it", async () => {
    const stream = await createStream(4);
    const ended: BatchResult = { kind: "failed", error: { message: "CPU_LIMIT" }, hasEnded: true };
    const all = Promise.withResolvers<void>();
    const together: string[] = [];
    let beside = 0;
    const { reader, buried } = startReader(
      consumerOf(stream),
      async (messages) => {
        if (messages.some(({ deliveries }) => deliveries < 2)) return ended;
        const text = messages.map(textOf).join();
        if (together.length < 4) {
          if (together.push(text) === 4) all.resolve();
          await all.promise;
          return ended;
        }
        expect(++beside).toBe(1);
        await nats.connection.flush();
        beside -= 1;
        return text === "0" ? ended : ack(messages);
      },
      { slots: 4, policy: { maxDeliver: 2, minMs: 1, maxMs: 1 } },
    );
    await untilAcked(stream);
    expect(together.sort()).toEqual(numbers(4));
    expect(buried.map(({ text }) => text)).toEqual(["0"]);
    await reader.close(1_000);
  });

  it("hands no message over twice that it has acked, where the server is killed and forgets its last acks", async () => {
    const stream = await createStream(60);
    let hasDied = false;
    const { reader, taken } = startReader(
      consumerOf(stream, { maxPending: 1, ackWaitMs: 2_000 }),
      (messages) => {
        // It has acks of the last few milliseconds only, which it has not written down.
        if (taken().length === 40 && !hasDied) {
          hasDied = true;
          process.kill(server.pid, "SIGKILL");
        }
        return ack(messages);
      },
      { size: 1 },
    );
    await eventually(() => expect(taken().at(-1)).toBe("59"), { timeoutMs: 40_000 });
    // The message that was under way may have been acked or not.
    expect(taken().filter((text, at) => text !== "39" || taken().indexOf(text) === at)).toEqual(numbers(60));
    await reader.close(1_000);
  }, 60_000);

  it("acks no message whose dead letter cannot be written", async () => {
    const stream = await createStream(1);
    const faults: unknown[] = [];
    let isFull = true;
    const { reader } = startReader(consumerOf(stream), (messages) => retry(messages), {
      bury: async () => {
        if (isFull) throw new Error("full");
      },
      events: {
        ...{ state: () => undefined, settled: () => undefined, depth: () => undefined },
        fault: (error) => void faults.push(error),
      },
    });
    await eventually(() => expect(faults.length).toBeGreaterThan(2));
    expect((await manager.consumers.info(stream, "narun-fn")).num_ack_pending).toBe(1);
    isFull = false;
    await untilAcked(stream);
    await reader.close(1_000);
  });

  it("keeps a batch that nobody can run, and uses up no delivery", async () => {
    const stream = await createStream(1);
    let tries = 0;
    const deliveries: number[] = [];
    const { reader, buried } = startReader(consumerOf(stream), (messages) => {
      deliveries.push(...messages.map((message) => message.deliveries));
      return ++tries < 3 ? { kind: "not-begun", code: "NO_CONSUMER" } : ack(messages);
    });
    await untilAcked(stream);
    expect(deliveries).toEqual([1, 1, 1]);
    expect(buried).toEqual([]);
    await reader.close(1_000);
  });

  it("asks for no more messages than its batches can have", async () => {
    const stream = await createStream(30);
    const { promise, resolve } = Promise.withResolvers<void>();
    const { reader, batches } = startReader(
      consumerOf(stream),
      async (messages) => {
        await promise;
        return ack(messages);
      },
      { size: 5, slots: 2 },
    );
    await eventually(() => expect(batches.length).toBe(2));
    expect((await manager.consumers.info(stream, "narun-fn")).num_ack_pending).toBe(10);
    resolve();
    await untilAcked(stream);
    await reader.close(1_000);
  });

  it("extends the time of the messages that are being handled", async () => {
    const stream = await createStream(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    const consumer = consumerOf(stream, { ackWaitMs: 300 });
    const first = startReader(consumer, async (messages) => {
      await promise;
      return ack(messages);
    });
    let extensions = 0;
    const acks = nats.subscribe(`$JS.ACK.${stream}.>`, (message) => {
      if (message.text() === "+WPI") extensions += 1;
    });
    await eventually(() => expect(first.batches.length).toBe(1));
    const second = startReader(consumer, ack);
    // Four times as long as the server waits without a sign.
    await eventually(() => expect(extensions).toBe(12));
    acks.unsubscribe();
    expect(second.batches).toEqual([]);
    resolve();
    await untilAcked(stream);
    await Promise.all([first.reader.close(1_000), second.reader.close(1_000)]);
  });

  it("gives everything back at once when it closes, also what is under way at the end of the grace", async () => {
    const stream = await createStream(20);
    const first = startReader(consumerOf(stream), () => new Promise(() => undefined), { size: 2 });
    await eventually(() => expect(first.batches.length).toBe(1));
    const closing = performance.now();
    await first.reader.close(50);
    const second = startReader(consumerOf(stream), ack);
    await untilAcked(stream);
    expect(second.taken().sort((a, b) => Number(a) - Number(b))).toEqual(numbers(20));
    expect(performance.now() - closing).toBeLessThan(10_000);
    await second.reader.close(1_000);
  });

  it("gives back the messages that no batch has taken, as soon as it closes", async () => {
    const stream = await createStream(3);
    const first = startReader(consumerOf(stream), ack, { waitMs: 600_000 });
    await eventually(() => expect(first.reader.inFlight).toBe(3));
    await first.reader.close(1_000);
    // The server gives nothing back by itself for 30 seconds.
    expect(first.batches).toEqual([]);
    const second = startReader(consumerOf(stream), ack);
    await untilAcked(stream);
    expect(second.taken().sort()).toEqual(numbers(3));
    await second.reader.close(1_000);
  });

  it("counts no delivery that was given back before a handler began, or that the end of the grace cut off", async () => {
    const stream = await createStream(2);
    const consumer = consumerOf(stream);
    const givenBack = createGivenBack(nats, consumer);
    // In a forming batch, in a batch that cannot begin, and at the end of the grace.
    const forming = startReader(consumer, ack, { waitMs: 600_000, givenBack });
    await eventually(() => expect(forming.reader.inFlight).toBe(2));
    await forming.reader.close(1_000);
    for (let reader = 0; reader < 2; reader++) {
      const none = startReader(consumer, () => ({ kind: "not-begun", code: "NO_CONSUMER" }), { givenBack });
      await eventually(() => expect(none.taken().sort()).toEqual(numbers(2)));
      await none.reader.close(1_000);
    }
    const cut = startReader(consumer, () => new Promise(() => undefined), { givenBack });
    await eventually(() => expect(cut.taken().sort()).toEqual(numbers(2)));
    await cut.reader.close(10);
    const deliveries: number[] = [];
    const last = startReader(
      consumer,
      (messages) => {
        deliveries.push(...messages.map((message) => message.deliveries));
        return retry(messages, { message: "no" });
      },
      { givenBack, policy: { maxDeliver: 3, minMs: 1, maxMs: 1 } },
    );
    await eventually(() => expect(last.buried).toHaveLength(2));
    expect(deliveries.sort()).toEqual([1, 1, 2, 2, 3, 3]);
    expect(last.buried.map((letter) => letter.deliveries)).toEqual([3, 3]);
    await last.reader.close(1_000);
  });

  it("lets a handler that the end of the grace cuts off note its facts, and takes an answer that is there", async () => {
    const stream = await createStream(2);
    const consumer = consumerOf(stream);
    const noted: string[] = [];
    const cut = startReader(
      consumer,
      async ([message], signal) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        await nats.flush();
        if (message === undefined || textOf(message) === "0") return ack(message ? [message] : []);
        noted.push(textOf(message));
        return { kind: "failed", error: { message: "CLIENT_GONE" } };
      },
      { size: 1, slots: 2, givenBack: createGivenBack(nats, consumer) },
    );
    await eventually(() => expect(cut.batches).toHaveLength(2));
    await cut.reader.close(10);
    expect(noted).toEqual(["1"]);
    const next = startReader(consumer, ack);
    await untilAcked(stream);
    expect(next.taken()).toEqual(["1"]);
    await next.reader.close(1_000);
  });

  it("waits for a stream that does not exist, and begins when it appears", async () => {
    const name = `stream-${streams++}`;
    const { reader, states, taken } = startReader(consumerOf(name), ack);
    await eventually(() => expect(states).toContainEqual({ kind: "stream-missing" }));
    await manager.streams.add({ name, subjects: [`${name}.>`] });
    await publish(name, 2);
    await eventually(() => expect(taken()).toEqual(numbers(2)));
    await reader.close(1_000);
  });

  it("leaves a consumer of another owner alone", async () => {
    const stream = await createStream(1);
    await manager.consumers.add(stream, { durable_name: "narun-fn", ack_policy: AckPolicy.Explicit });
    const { reader, states, batches } = startReader(consumerOf(stream), ack);
    await eventually(() => expect(states).toContainEqual({ kind: "foreign", owner: undefined }));
    await reader.close(1_000);
    expect(batches).toEqual([]);
  });

  it("keeps its place where its settings change, and says what changed", async () => {
    const stream = await createStream(2);
    const first = startReader(consumerOf(stream), ack);
    await untilAcked(stream);
    await first.reader.close(1_000);
    const changed = consumerOf(stream, { ackWaitMs: 60_000, filters: [`${stream}.a`] });
    const second = startReader(changed, ack);
    await eventually(() =>
      expect(second.states).toContainEqual({
        ...{ kind: "ready", isNew: false, made: expect.any(String), pending: 0, unsettled: 0 },
        changed: [`filter: all → ${stream}.a`, "ack_wait: 30000000000 → 60000000000"],
      }),
    );
    await publish(stream, 1);
    await eventually(() => expect(second.taken()).toEqual(["0"]));
    await second.reader.close(1_000);
  });

  it("goes on after its consumer was deleted", async () => {
    const stream = await createStream(1);
    const { reader, taken, states } = startReader(consumerOf(stream, { from: "new" }), ack);
    await eventually(() => expect(states.length).toBe(1));
    await manager.consumers.delete(stream, "narun-fn");
    await eventually(() => expect(states.length).toBe(2));
    await publish(stream, 1);
    await eventually(() => expect(taken()).toEqual(["0"]));
    await reader.close(1_000);
  });

  it("goes on after the death of the server", async () => {
    const stream = await createStream(1);
    const { reader, taken } = startReader(consumerOf(stream), ack);
    await eventually(() => expect(taken()).toEqual(["0"]));
    await server.kill9();
    await eventually(() => publish(stream, 1), { timeoutMs: 20_000 });
    await eventually(() => expect(taken().length).toBeGreaterThan(1));
    await reader.close(1_000);
  });
});
