/** One message after the other, each with its acknowledgement, by a client of its own. */
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

/** A stream on the same server, and a client that publishes one message after the other. */
export async function openBareStream(
  servers: string,
): Promise<{ publish(count: number): Promise<number[]> } & AsyncDisposable> {
  const connection = await connect({ servers });
  await (await jetstreamManager(connection)).streams.add({ name: "bare", subjects: ["bare.>"] });
  const client = jetstream(connection);
  // As long as the record of a step.
  const data = JSON.stringify({
    at: Date.now(),
    seen: 1,
    state: "running",
    did: ["s10"],
    got: [[1, "ok", 1]],
  });
  return {
    async publish(count) {
      const times: number[] = [];
      for (let sent = 0; sent < count; sent++) {
        const startedAt = performance.now();
        await client.publish("bare.a", data);
        times.push(performance.now() - startedAt);
      }
      return times;
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
