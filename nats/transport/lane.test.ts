/** Every kind of writer at once on one connection to a real server. */
import { randomBytes } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { Objm } from "@nats-io/obj";
import { expect, it } from "vitest";
import { sha256Hex } from "../../machine/sha256.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { connectNats, type Nats } from "../connection.ts";

const MESSAGES = 100_000;
/** Around the size up to which payloads are copied, and beyond. */
const SIZES = [0, 1, 100, 4_095, 4_096, 4_097, 7_000, 20_000];
/** Upper bound of the objects that each reader reads. */
const MAX_READS = 100;
const BODIES = SIZES.map((size) => randomBytes(size));

/** Bytes of which the receiver knows whether they are right: their number, then a body that follows from it. */
function payloadOf(seq: number): Buffer {
  return Buffer.concat([Buffer.from(`${seq} `), BODIES[seq % BODIES.length] ?? Buffer.alloc(0)]);
}

/** Counts the messages that come, each once and whole. */
function createTally(nats: Nats, subject: string) {
  const seen = new Set<number>();
  const faults: string[] = [];
  nats.subscribe(subject, (message) => {
    const data = Buffer.from(message.data);
    const seq = Number.parseInt(data.toString("latin1", 0, 10), 10);
    if (seen.has(seq)) faults.push(`${seq} came twice`);
    if (!data.equals(payloadOf(seq))) faults.push(`${seq} came with other bytes`);
    seen.add(seq);
    if (message.reply !== undefined && message.reply !== "") message.respond(data);
  });
  return { seen, faults };
}

/** Runs `step` until all messages are under way; each writer goes on when its last step is done. */
async function repeat(isOver: () => boolean, step: (turn: number) => Promise<unknown>): Promise<void> {
  for (let turn = 0; !isOver(); turn++) await step(turn);
}

it("keeps every message whole, with several writers at the same time", { timeout: 600_000 }, async () => {
  const warnings: string[] = [];
  await using server = await startTestNats({ onWarning: (text) => void warnings.push(text) });
  const nats = await connectNats({ url: server.url, name: "all writers" });
  const other = await connectNats({ url: server.url, name: "the far end" });
  const states: string[] = [];
  nats.onState((state) => void states.push(state));
  const tally = createTally(other, "fuzz.>");
  await other.flush();
  const js = jetstream(nats.connection);
  const objects = await new Objm(js).create("fuzz");
  const kv = await new Kvm(js).create("fuzz");
  const manager = await jetstreamManager(nats.connection);

  let next = 0;
  const isOver = () => next >= MESSAGES;
  const take = () => payloadOf(next++);
  const body = randomBytes(7_000);
  const digest = sha256Hex(body);
  await objects.putBlob({ name: "body" }, body);
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  await Promise.all([
    // By the outbox, several in one turn.
    repeat(isOver, async () => {
      for (let at = 0; at < 8; at++) nats.publish("fuzz.own", take(), new Map([["Name", ["wört"]]]));
      await turn();
    }),
    // As streams are sent: memory that stays where it is.
    repeat(isOver, async () => {
      const data = Buffer.from("x".repeat(9_000));
      nats.sendData("elsewhere", 0, data, () => data.fill("!"));
      nats.publish("fuzz.after", take());
      await turn();
    }),
    repeat(isOver, async () => {
      const sent = take();
      const reply = await nats.request("fuzz.request", sent, { timeoutMs: 60_000 });
      if (!Buffer.from(reply.data).equals(sent)) tally.faults.push("a reply with other bytes");
    }),
    repeat(isOver, async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const sent = take();
      const pending = nats.send("fuzz.send", sent, new Map(), (message) => {
        if (!Buffer.from(message.data).equals(sent)) tally.faults.push("a reply with other bytes");
        pending.release();
        resolve();
      });
      await promise;
    }),
    repeat(isOver, async () => {
      for (let at = 0; at < 4; at++) nats.connection.publish("fuzz.library", take());
      await Promise.resolve();
      nats.connection.publish("fuzz.library", take());
      await turn();
    }),
    repeat(isOver, async () => {
      const subscription = nats.subscribe("nothing", () => undefined);
      await Promise.resolve();
      subscription.unsubscribe();
      await turn();
    }),
    repeat(isOver, () => nats.flush()),
    repeat(isOver, () => nats.connection.rtt()),
    repeat(isOver, () => manager.streams.info("OBJ_fuzz")),
    ...Array.from({ length: 4 }, () =>
      repeat(isOver, async (at) => {
        // Each read makes a consumer, which the server keeps for minutes and bounds in number.
        if (at >= MAX_READS) return objects.info("body");
        const got = await objects.getBlob("body");
        if (got === null || sha256Hex(got) !== digest) tally.faults.push("an object with other bytes");
        return got;
      }),
    ),
    repeat(isOver, (at) => objects.putBlob({ name: `put ${at % 5}` }, body)),
    repeat(isOver, async (at) => {
      await kv.put(`key.${at % 5}`, body);
      const entry = await kv.get(`key.${at % 5}`);
      if (sha256Hex(entry?.value ?? "") !== digest) tally.faults.push("a value with other bytes");
    }),
  ]);
  await nats.flush();
  await eventually(() => expect(tally.seen.size).toBe(next));
  expect(tally.faults).toEqual([]);
  expect(states).toEqual([]);
  expect(warnings.filter((text) => /parser|protocol/i.test(text))).toEqual([]);
  await nats.close();
  await other.close();
});
