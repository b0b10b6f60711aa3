import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, expect, test } from "vitest";
import { countConsumers } from "../test/harness/consumers.ts";
import { eventually } from "../test/harness/eventually.ts";
import { startTestNats } from "../test/harness/nats.ts";
import { connectNats } from "./connection.ts";
import { openReader, type StreamReader } from "./stream-reader.ts";

const server = await startTestNats();
const nats = await connectNats({ url: server.url, name: "test" });
const manager = await jetstreamManager(nats.connection);
afterAll(async () => {
  await nats.close();
  await server.close();
});

let streams = 0;

/** A stream with so many messages, each with its number. */
async function newStream(count: number): Promise<string> {
  const stream = `stream-${++streams}`;
  await manager.streams.add({ name: stream, subjects: [`${stream}.>`], max_consumers: 1 });
  for (let index = 1; index <= count; index++)
    await nats.request(`${stream}.m`, String(index), { timeoutMs: 5_000 });
  return stream;
}

const open = (stream: string, signal?: AbortSignal) =>
  openReader({ nats, manager, stream, filters: [`${stream}.>`], from: 1, signal });

async function take(reader: StreamReader, count: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const message of reader.batch({ waitMs: 5_000 })) {
    texts.push(message.string());
    if (texts.length === count) break;
  }
  return texts;
}

test("reads over more batches than one, and is gone when it is disposed of", async () => {
  const stream = await newStream(250);
  {
    await using reader = await open(stream);
    expect(reader.pending).toBe(250);
    const texts: string[] = [];
    while (texts.length < 250) texts.push(...(await take(reader, 250 - texts.length)));
    expect(texts).toEqual(Array.from({ length: 250 }, (_, index) => String(index + 1)));
  }
  expect(await countConsumers(nats)).toEqual([]);
});

test("is gone when its signal aborts", async () => {
  const stream = await newStream(1);
  const ending = new AbortController();
  await using reader = await open(stream, ending.signal);
  expect(await take(reader, 1)).toEqual(["1"]);
  ending.abort();
  await eventually(async () => expect(await countConsumers(nats)).toEqual([]));
});

test("passes over nothing: it ends where a message of it went elsewhere, or its consumer is gone", async () => {
  const stream = await newStream(3);
  await using reader = await open(stream);
  const [consumer] = await manager.consumers.list(stream).next();
  const next = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer?.name}`;
  const stolen = await nats.connection.request(next, "", { timeout: 5_000, noMux: true });
  expect(stolen.string()).toBe("1");
  await expect(take(reader, 1)).rejects.toThrow("misses a message");

  const other = await newStream(1);
  await using gone = await open(other);
  const [known] = await manager.consumers.list(other).next();
  await manager.consumers.delete(other, known?.name ?? "");
  await expect(take(gone, 1)).rejects.toThrow();
});
