/** A stream with messages to measure its readers with. */
import { setTimeout as sleep } from "node:timers/promises";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

export interface FilledStream extends AsyncDisposable {
  publish(count: number): Promise<void>;
  /** Deletes all messages. */
  empty(): Promise<void>;
  /** A paused consumer gets no message. */
  pause(consumer: string): Promise<void>;
  resume(consumer: string): Promise<void>;
  /** Resolves when a consumer got the first of so many messages that wait. */
  untilBegun(consumer: string, count: number): Promise<void>;
  /** Resolves when a consumer has acked all messages. */
  untilSettled(consumer: string): Promise<void>;
}

/** Messages that are under way to the server at a time. */
const AT_ONCE = 500;
const LOOK_MS = 5;
const PAUSE_MS = 3_600_000;

/** Makes a stream. */
export async function fillStream(servers: string, name: string): Promise<FilledStream> {
  const connection = await connect({ servers });
  const manager = await jetstreamManager(connection);
  const client = jetstream(connection);
  await manager.streams.add({ name, subjects: [`${name}.>`] });
  return {
    async publish(count) {
      for (let sent = 0; sent < count; sent += AT_ONCE) {
        const size = Math.min(AT_ONCE, count - sent);
        const data = JSON.stringify({ number: sent, text: "x".repeat(100) });
        await Promise.all(Array.from({ length: size }, () => client.publish(`${name}.a`, data)));
      }
    },
    async empty() {
      await manager.streams.purge(name);
    },
    async pause(consumer) {
      await manager.consumers.pause(name, consumer, new Date(Date.now() + PAUSE_MS));
    },
    async resume(consumer) {
      await manager.consumers.resume(name, consumer);
    },
    async untilBegun(consumer, count) {
      while ((await manager.consumers.info(name, consumer)).num_pending >= count) await sleep(1);
    },
    async untilSettled(consumer) {
      for (;;) {
        const info = await manager.consumers.info(name, consumer).catch(() => undefined);
        if (info !== undefined && info.num_pending + info.num_ack_pending === 0) return;
        await sleep(LOOK_MS);
      }
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
