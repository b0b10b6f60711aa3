/**
 * C2  Every message of a queue, and every event, that was acknowledged to its writer is handled, nothing is handled that was not
 *     sent, and in the order of its subject or key. The retained event is never older than an acknowledged one.
 */
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { pushBuild } from "../../../../control/index.ts";
import { type Events, openEvents } from "../../../../nats/index.ts";
import { eventually } from "../../../harness/eventually.ts";
import { buildSource } from "../../../harness/function-source.ts";
import { effectsBinding, effectsOf, type Load, type LoadOptions, NOTE, repeat, SETTLE_MS } from "./load.ts";

const LANES = ["a", "b", "c"] as const;
const PAUSE_MS = 100;
const TRY_MS = 2_000;

const TAKER = `${NOTE}
export default {
  async queue(batch, env) {
    const [message] = batch.messages;
    await note(env, "queue/" + message.subject.slice(5) + "/" + message.text());
  },
};`;
const HEARER = `import { service } from "narun";
${NOTE}
export default service({ name: "hearer", version: "1.0.0" }).on(
  "facts.*",
  { name: "take", durable: true, since: "all", maxDeliver: 1000 },
  async ({ subject, value }, { env }) => void (await note(env, "event/" + subject.slice(6) + "/" + value)),
);`;

export function createQueueLoad(options: LoadOptions): Load {
  const { places, tally } = options;
  const { connection } = places;
  const consume = {
    ...{ stream: "work", filter: LANES.map((lane) => `work.${lane}`), ordered: true, ackWaitMs: 5_000 },
    ...{ maxDeliver: 1_000, backoff: { minMs: 50, maxMs: 500 } },
  };
  return createOrdered(options, "queue", {
    async prepare() {
      const manager = await jetstreamManager(connection.connection, { checkAPI: false });
      const stream = { name: "work", subjects: ["work.>"], num_replicas: 3 };
      await eventually(() => manager.streams.add(stream), { timeoutMs: SETTLE_MS });
      const build = await buildSource("taker", TAKER, { bindings: [effectsBinding], consume });
      await pushBuild(connection, build);
    },
    async send(lane, number) {
      // A message whose acknowledgement is lost is stored once, by its id.
      const publishOptions = { msgID: `${lane}-${number}`, timeout: TRY_MS };
      const sentAt = performance.now();
      const publish = () =>
        jetstream(connection.connection).publish(`work.${lane}`, String(number), publishOptions);
      await eventually(publish, { timeoutMs: SETTLE_MS });
      tally.took("message", sentAt);
    },
  });
}

export function createEventLoad(options: LoadOptions): Load {
  const { places, tally } = options;
  const { connection } = places;
  const retained = new Map<string, number>();
  let opened: Promise<Events>;
  const ordered = createOrdered(options, "event", {
    async prepare() {
      opened = openEvents(connection);
      await opened;
      const build = await buildSource("hearer", HEARER, { bindings: [effectsBinding] });
      await pushBuild(connection, build);
    },
    async send(lane, number) {
      const event = { subject: `facts.${lane}`, data: String(number), key: lane, retain: number % 5 === 0 };
      const sentAt = performance.now();
      await eventually(async () => (await opened).publish({ ...event, id: `${lane}-${number}` }), {
        timeoutMs: SETTLE_MS,
      });
      tally.took("event", sentAt);
      if (event.retain) retained.set(event.subject, number);
    },
  });
  return {
    ...ordered,
    async check() {
      await ordered.check();
      const events = await opened;
      for (const [subject, number] of retained) {
        for await (const { data } of events.retained(subject)) {
          const found = Number(Buffer.from(data).toString());
          if (found < number)
            tally.fault(`the retained event of ${subject} is ${found} instead of ${number}`);
          tally.count("retained events");
        }
      }
    },
  };
}

interface OrderedWork {
  prepare(): Promise<void>;
  /** Resolves when it is acknowledged. */
  send(lane: string, number: number): Promise<void>;
}

function createOrdered({ places, tally }: LoadOptions, kind: string, { prepare, send }: OrderedWork): Load {
  const sent = new Map<string, number>();
  return {
    prepare,
    async run(signal) {
      const sendAll = (lane: string) =>
        repeat(signal, PAUSE_MS, async (number) => {
          await send(lane, number);
          sent.set(lane, number + 1);
        });
      await Promise.all(LANES.map(sendAll));
    },
    async check() {
      for (const lane of LANES) {
        const count = sent.get(lane) ?? 0;
        const prefix = `${kind}/${lane}/`;
        const handled = await eventually(
          async () => {
            const keys = await effectsOf(places, prefix);
            if (keys.length < count) throw new Error(`${keys.length} of ${count} of ${prefix} are handled`);
            return keys;
          },
          { timeoutMs: SETTLE_MS },
        ).catch((error: Error) => {
          tally.fault(error.message);
          return effectsOf(places, prefix);
        });
        tally.count(`${kind}s handled`, handled.length);
        const wrong = handled.findIndex((key, at) => key !== String(at));
        if (wrong >= 0) tally.fault(`${prefix}${handled[wrong]} was handled as number ${wrong}`);
      }
    },
  };
}
