/**
 * A bare pull consumer of JetStream: it fetches batches, and acks each message. Arguments: the address of NATS, the stream, the
 * size of a batch, the number of messages.
 */
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const [servers = "", stream = "", batch = "", count = ""] = process.argv.slice(2);
const connection = await connect({ servers });
const manager = await jetstreamManager(connection);
const name = `bare-${process.pid}`;
await manager.consumers.add(stream, {
  durable_name: name,
  ack_policy: AckPolicy.Explicit,
  max_ack_pending: 10_000,
});
const consumer = await jetstream(connection).consumers.get(stream, name);
for (let left = Number(count); left > 0; ) {
  const messages = await consumer.fetch({ max_messages: Math.min(left, Number(batch)), expires: 5_000 });
  for await (const message of messages) {
    message.ack();
    left -= 1;
  }
}
await connection.flush();
await manager.consumers.delete(stream, name);
await connection.close();
process.exit(0);
