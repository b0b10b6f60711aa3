/**
 * How often messages of a consumer were given back before a handler began them. The server counts each of these deliveries, and
 * no answer to a message takes one from its count: the number is kept beside, for as long as a message may come back.
 *
 * I1  The number is written before its message is given back: the next reader of the message sees it.
 */
import { createHash } from "node:crypto";
import { stores } from "../../contracts/index.ts";
import type { Nats } from "../connection.ts";
import { openKv, type TypedKv } from "../kv/kv.ts";
import type { DurableConsumer } from "./durable-consumer.ts";
import type { Delivery } from "./pulled-message.ts";

export interface GivenBack {
  /** How many deliveries of a message were given back. Errors: see needsJetStream. */
  countOf(message: MessageOfStream): Promise<number>;
  /** Keeps the number. */
  note(message: MessageOfStream, count: number): Promise<void>;
}

/** A stream that is made anew has the same sequences at other times. */
type MessageOfStream = Pick<Delivery, "sequence" | "storedAt">;

/** The bucket is opened, and made where it is missing, with the first use. */
export function createGivenBack(nats: Nats, { stream, name }: DurableConsumer): GivenBack {
  // Names of streams may have characters that keys may not.
  const consumer = createHash("sha256").update(`${stream} ${name}`).digest("hex").slice(0, 16);
  const keyOf = ({ sequence, storedAt }: MessageOfStream) => `${consumer}.${sequence}.${storedAt.getTime()}`;
  let opening: Promise<TypedKv<number>> | undefined;
  const open = () => {
    opening ??= openKv(nats, stores.givenBack, { decode: Number, encode: String }).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  return {
    async countOf(message) {
      const read = await (await open()).get(keyOf(message));
      return read?.ok === true && Number.isSafeInteger(read.value) ? read.value : 0;
    },
    async note(message, count) {
      await (await open()).put(keyOf(message), count);
    },
  };
}
