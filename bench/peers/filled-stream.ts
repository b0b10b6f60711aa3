/** A stream with messages to measure its readers with. */
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

export interface FilledStream extends AsyncDisposable {
  publish(count: number): Promise<void>;
  /** Deletes all messages. */
  empty(): Promise<void>;
  /** Resolves with the milliseconds from the first to the last of so many acks. */
  watchAcks(count: number): Promise<number>;
}

/** Messages that are under way to the server at a time. */
const AT_ONCE = 500;

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
    watchAcks: (count) =>
      new Promise((resolve) => {
        let acks = 0;
        let firstAt = 0;
        const subscription = connection.subscribe(`$JS.ACK.${name}.>`, {
          callback: (_error, message) => {
            if (message.string() !== "+ACK") return;
            if (++acks === 1) firstAt = performance.now();
            if (acks < count) return;
            subscription.unsubscribe();
            resolve(performance.now() - firstAt);
          },
        });
      }),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
