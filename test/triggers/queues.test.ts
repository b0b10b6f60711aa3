import { AckPolicy, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listLetters, redriveLetters, removeFunction } from "../../control/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

/** How many messages the deaths are tried with. The long form is for `NARUN_TEST_MESSAGES=10000`. */
const MESSAGES = Number(process.env.NARUN_TEST_MESSAGES ?? 1_000);

let world: World;
let manager: JetStreamManager;

beforeAll(async () => {
  world = await startWorld();
  manager = await jetstreamManager(world.connection.connection);
});
afterAll(() => world[Symbol.asyncDispose]());

async function createStream(name: string): Promise<void> {
  await manager.streams.add({ name, subjects: [`${name}.>`] });
}

async function publish(subject: string, ...texts: string[]): Promise<void> {
  for (const text of texts) await jetstream(world.connection.connection).publish(subject, text);
}

/** A function that notes each text as a key of the bucket `taken`. */
const noting = (body: string) => `
  export default {
    async queue(batch, env) {
      for (const message of batch.messages) {
        const text = message.text();
        ${body}
        await env.TAKEN.put(\`\${batch.queue}.\${text}\`, JSON.stringify({ attempts: message.attempts, size: batch.messages.length }));
        message.ack();
      }
    },
  };
`;
const TAKEN = { bindings: [{ name: "TAKEN", kv: "taken" }], scale: { idleSeconds: 1 } };
const FAST = { backoff: { minMs: 10, maxMs: 20 } };

async function taken(queue: string): Promise<Map<string, { attempts: number; size: number }>> {
  const found = new Map<string, { attempts: number; size: number }>();
  const info = await manager.streams.info("KV_taken").catch(() => undefined);
  if (info === undefined) return found;
  const { state } = await manager.streams.info("KV_taken", { subjects_filter: `$KV.taken.${queue}.>` });
  for (const subject of Object.keys(state.subjects ?? {})) {
    const message = await manager.streams.getMessage("KV_taken", { last_by_subj: subject });
    if (message !== null)
      found.set(subject.split(".").at(-1) ?? "", JSON.parse(Buffer.from(message.data).toString()));
  }
  return found;
}

async function untilSettled(stream: string, name: string): Promise<void> {
  await eventually(
    async () => {
      const info = await manager.consumers.info(stream, `narun-${name}`);
      expect([info.num_pending, info.num_ack_pending]).toEqual([0, 0]);
    },
    { timeoutMs: 25_000 },
  );
}

describe("consume", () => {
  it("wakes a function that sleeps with batches of a stream, and acks what it took", async () => {
    await createStream("plain");
    await publish("plain.a", "1", "2", "3");
    await world.push("plain", noting(""), {
      ...TAKEN,
      consume: { stream: "plain", filter: "plain.a", batch: { size: 2, waitMs: 10 } },
    });
    await untilSettled("plain", "plain");
    const found = await taken("plain");
    expect([...found.keys()].sort()).toEqual(["1", "2", "3"]);
    expect(Math.max(...[...found.values()].map(({ size }) => size))).toBe(2);
    // It sleeps again, and wakes again.
    await eventually(async () => expect(await world.ps("plain")).toEqual([]));
    await publish("plain.a", "4");
    await untilSettled("plain", "plain");
    expect((await taken("plain")).has("4")).toBe(true);
  });

  it("delivers again what failed, then writes a dead letter, which can be sent back", async () => {
    await createStream("failing");
    const config = {
      ...TAKEN,
      consume: { stream: "failing", batch: { size: 5, waitMs: 5 }, maxDeliver: 3, ...FAST },
    };
    const source = noting('if (text === "bad") throw new TypeError("no good: " + text);');
    await world.push("failing", source, config);
    await publish("failing.a", "1", "bad", "2");
    await untilSettled("failing", "failing");
    expect([...(await taken("failing")).keys()].sort()).toEqual(["1", "2"]);
    const letters = await listLetters(world.connection, { function: "failing" });
    expect(letters).toMatchObject([
      {
        stream: "failing",
        subject: "failing.a",
        sequence: 2,
        attempts: 3,
        error: { message: "TypeError: no good: bad" },
      },
    ]);
    expect(letters[0]?.error.stack).toContain("at ");
    await world.push("failing", noting(""), config);
    await redriveLetters(world.connection, { function: "failing" }, ({ error }) =>
      expect(error).toBeUndefined(),
    );
    await untilSettled("failing", "failing");
    expect((await taken("failing")).has("bad")).toBe(true);
    expect(await listLetters(world.connection, { function: "failing" })).toEqual([]);
  });

  it("takes the verdict on each message", async () => {
    await createStream("verdicts");
    const source = noting("if (message.attempts < 3) { message.retry({ delaySeconds: 0.01 }); continue; }");
    await world.push("verdicts", source, { ...TAKEN, consume: { stream: "verdicts", batch: 1 } });
    await publish("verdicts.a", "1");
    await untilSettled("verdicts", "verdicts");
    expect((await taken("verdicts")).get("1")?.attempts).toBe(3);
  });

  it("keeps the order of each filter where it is asked for, also over failures", async () => {
    await createStream("ordered");
    const source = `
      export default { async queue(batch, env) {
        const [message] = batch.messages;
        if (message.attempts < 2) throw new Error("once more");
        const key = "ordered." + message.subject.replace(".", "-");
        const list = JSON.parse((await env.TAKEN.get(key, "text")) ?? "[]");
        await env.TAKEN.put(key, JSON.stringify([...list, message.text()]));
      } };`;
    const filter = ["ordered.a", "ordered.b"];
    await world.push("ordered", source, {
      ...TAKEN,
      consume: { stream: "ordered", filter, ordered: true, ...FAST },
    });
    for (const number of ["1", "2", "3", "4"]) {
      await publish("ordered.a", number);
      await publish("ordered.b", number);
    }
    await eventually(
      async () => {
        const found = await taken("ordered");
        expect(found.get("ordered-a")).toEqual(["1", "2", "3", "4"]);
        expect(found.get("ordered-b")).toEqual(["1", "2", "3", "4"]);
      },
      { timeoutMs: 25_000 },
    );
  });

  it("gives a message that was sent back to its own function alone", async () => {
    await createStream("shared");
    for (const name of ["shared-a", "shared-b"]) {
      const source = noting("").replaceAll("batch.queue", `"${name}"`);
      await world.push(name, source, { ...TAKEN, consume: { stream: "shared", batch: 1 } });
    }
    const { headers } = await import("@nats-io/transport-node");
    const fields = headers();
    fields.set("Narun-Redrive-For", "shared-a");
    await jetstream(world.connection.connection).publish("shared.x", "1", { headers: fields });
    for (const name of ["shared-a", "shared-b"])
      await eventually(() => manager.consumers.info("shared", `narun-${name}`));
    for (const name of ["shared-a", "shared-b"]) await untilSettled("shared", name);
    expect((await taken("shared-a")).size).toBe(1);
    expect((await taken("shared-b")).size).toBe(0);
  });

  it("tells the author that the stream is missing or the consumer taken, and begins when it can", async () => {
    await world.push("early", noting(""), { ...TAKEN, consume: "late" });
    const told = async (name: string, code: string) =>
      eventually(async () => {
        const lines = (await world.logs(name)).map(({ message }) => message);
        expect(lines.some((line) => line.startsWith(code))).toBe(true);
      });
    await told("early", "QUEUE_STREAM_MISSING");
    await createStream("late");
    await publish("late.a", "1");
    await untilSettled("late", "early");
    expect((await taken("late")).has("1")).toBe(true);
    await manager.consumers.add("late", { durable_name: "narun-taker", ack_policy: AckPolicy.Explicit });
    await world.push("taker", noting(""), { ...TAKEN, consume: "late" });
    await told("taker", "QUEUE_CONSUMER_TAKEN");
  });

  it("deletes the consumer of a function that is gone", async () => {
    await createStream("removed");
    await world.push("removed", noting(""), { ...TAKEN, consume: "removed" });
    await eventually(() => manager.consumers.info("removed", "narun-removed"));
    await removeFunction(world.connection, "removed");
    await eventually(async () => {
      const { state } = await manager.streams.info("removed");
      expect(state.consumer_count).toBe(0);
    });
  });
});

describe("a handler that blocks its instance until the time is over", () => {
  it.each(["isolate", "node"])(
    "uses up no delivery of messages that no handler began, in the mode %s",
    async (mode) => {
      const name = `blocked-${mode}`;
      await createStream(name);
      const source = noting(`if (text === "loop") {
      await env.TAKEN.put("${name}.begun", "{}");
      const until = Date.now() + 3_000;
      while (Date.now() < until);
    }`);
      await world.push(name, source, {
        mode,
        ...TAKEN,
        consume: { stream: name, batch: { size: 1 }, maxDeliver: 2, ...FAST },
        scale: { max: 1, concurrency: 4 },
        limits: { timeoutMs: 1_000, cpuMs: 20_000 },
      });
      await publish(`${name}.a`, "loop");
      await eventually(async () => expect([...(await taken(name)).keys()]).toContain("begun"), {
        timeoutMs: 20_000,
      });
      await publish(`${name}.a`, "one", "two", "three");
      const letters = await eventually(
        async () => {
          const found = await listLetters(world.connection, { function: name });
          expect(found).toHaveLength(1);
          const info = await manager.consumers.info(name, `narun-${name}`);
          expect([info.num_pending, info.num_ack_pending]).toEqual([0, 0]);
          return found;
        },
        { timeoutMs: 60_000 },
      );
      expect(letters).toMatchObject([{ error: { code: "DEADLINE_EXCEEDED" }, attempts: 2 }]);
      const all = await taken(name);
      for (const text of ["one", "two", "three"]) expect(all.get(text)).toMatchObject({ attempts: 1 });
      const said = (await world.logs(name)).map(({ message }) => message);
      expect(said.join("\n")).toContain("NOT_BEGUN");
    },
    120_000,
  );
});

/** How long nothing may happen: longer than a node takes to be missed, and a host to start, on a busy machine. */
const STALL_MS = 60_000;

/** Waits until a number is right. It fails where the number stands still, not where the machine is slow. */
async function whileItGoesOn(
  read: () => Promise<number>,
  isRight: (value: number) => boolean,
): Promise<void> {
  let last: number | undefined;
  let sinceMs = performance.now();
  const end = await eventually(
    async () => {
      const value = await read();
      if (value !== last) sinceMs = performance.now();
      last = value;
      if (isRight(value)) return "right";
      if (performance.now() - sinceMs > STALL_MS) return `stands still at ${value}`;
      throw new Error(`still ${value}`);
    },
    { timeoutMs: 1_500_000 },
  );
  expect(end).toBe("right");
}

describe("deaths", () => {
  it("lose no message, and ack none that no handler took", async () => {
    await createStream("deaths");
    const second = await world.startNode("node-1");
    const doomed = await world.startNode("node-2");
    // Each number is noted before it is acked. Some handlers take their host along.
    const source = noting(`
      if (message.attempts === 1 && Number(text) % 97 === 5) { const all = []; for (;;) all.push(new Array(1e6).fill(text)); }
    `);
    const consume = {
      ...{
        stream: "deaths",
        batch: { size: 20, waitMs: 20 },
        maxDeliver: 20,
        ackWaitMs: 2_000,
        concurrency: 4,
      },
      backoff: { minMs: 50, maxMs: 500 },
    };
    const bindings = [{ name: "TAKEN", kv: "deaths" }];
    await world.push("deaths", source, { ...TAKEN, bindings, consume, limits: { memoryMb: 64 } });
    const numbers = Array.from({ length: MESSAGES }, (_, number) => String(number));
    const client = jetstream(world.connection.connection);
    const sent = numbers.map((number) => client.publish("deaths.a", number));
    const count = async () => (await manager.streams.info("KV_deaths")).state.num_subjects ?? 0;
    const some = (least: number) => whileItGoesOn(count, (taken) => taken >= least);
    await Promise.all(sent);
    await some(MESSAGES / 10);
    await doomed.kill9();
    await some(MESSAGES / 3);
    await second.drain();
    const left = async () => {
      const info = await manager.consumers.info("deaths", "narun-deaths");
      return info.num_pending + info.num_ack_pending;
    };
    await whileItGoesOn(left, (messages) => messages === 0);
    const { state } = await manager.streams.info("KV_deaths", { subjects_filter: "$KV.deaths.>" });
    const found = Object.keys(state.subjects ?? {}).map((subject) => subject.split(".").at(-1));
    const letters = await listLetters(world.connection, { function: "deaths" });
    expect(letters).toEqual([]);
    expect(numbers.filter((number) => !found.includes(number))).toEqual([]);
  }, 1_800_000);
});
