/**
 * Takes the messages of the stream PARCELS.
 *
 *     nats stream add PARCELS --subjects 'parcels.>' --defaults
 *     nats pub parcels.new 'a book'
 *     curl http://127.0.0.1:8080/parcels        # ["a book"]
 *     nats pub parcels.new 'glass'              # comes again, then is a dead letter: narun dlq ls
 */
import type { MessageBatch } from "narun";
import type { Env } from "./narun-env.d.ts";

export default {
  async queue(batch: MessageBatch<string>, env: Env) {
    for (const message of batch.messages) {
      if (message.text() === "glass") throw new Error("glass breaks");
      await env.SENT.put(message.id, message.text());
      message.ack();
    }
  },
  async fetch(_request: Request, env: Env) {
    const { keys } = await env.SENT.list();
    const sent = await Promise.all(keys.map(({ key }) => env.SENT.get(key)));
    return Response.json(sent);
  },
};
