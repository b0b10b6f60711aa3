/** Events while instances, node-runners, gateways and the server die. The long form: `NARUN_TEST_EVENTS=2000`. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Narun, startNarun } from "../../cli/testing/narun.ts";
import { type Events, openByteKv, openEvents } from "../../nats/index.ts";
import { describeHandlers } from "../harness/event-handlers.ts";
import { readEvents } from "../harness/event-reader.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

/** How many events the deaths are tried with. */
const EVENTS = Number(process.env.NARUN_TEST_EVENTS ?? 120);
const LIMIT_MS = 120_000 + EVENTS * 200;
const KEYS = ["a", "b", "c", "d", "e", "f"];
const GROUPS = ["first", "second"];

let world: World;
let events: Events;
const gateways: { process: Narun; url: string }[] = [];
beforeAll(async () => {
  world = await startWorld({ nodes: 2 });
  events = await openEvents(world.connection);
  await startGateway();
});
afterAll(async () => {
  for (const { process } of gateways) await process[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

async function startGateway(): Promise<void> {
  const process = startNarun(
    ["gateway", "--nats", world.nats.url, "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"],
    { limitMs: LIMIT_MS },
  );
  const [, url = ""] = await process.shows(/"?http"?[:=] ?"?(http:\/\/[0-9.:]+)/);
  gateways.push({ process, url });
}

/**
 * An effect of an event happens once by its id. One event in seven ends the process before its effect, and one behind it: that one
 * comes again. So does an event whose ack a killed server forgot, at the other node.
 */
const SOURCE = `
  const read = async (env, key) => JSON.parse((await env.TAKEN.get(key, "text")) ?? "[]");
  export default { async queue({ messages: [message] }, env) {
    const { key, n } = message.body;
    const group = message.headers["Narun-Event-Handler"][0];
    const end = (rest) => n % 7 === rest && message.attempts === 1 && process.kill(process.pid, "SIGKILL");
    end(3);
    const place = group + "-" + key;
    const list = await read(env, place);
    if (!list.includes(n)) await env.TAKEN.put(place, JSON.stringify([...list, n]));
    end(5);
  } };`;

async function notes(key: string): Promise<unknown[]> {
  const entry = await (await openByteKv(world.connection, "taken")).get(key);
  return JSON.parse(Buffer.from(entry?.bytes ?? []).toString() || "[]");
}

/** The deaths, by the number of the event before which they happen. */
const DEATHS = new Map<number, () => Promise<unknown>>([
  [Math.floor(EVENTS / 5), () => world.nats.kill9()],
  [
    Math.floor((EVENTS * 2) / 5),
    async () => Promise.all([world.nodes[0]?.kill9(), world.startNode("node-2")]),
  ],
  [
    Math.floor((EVENTS * 3) / 5),
    async () => {
      gateways.at(-1)?.process.kill("SIGKILL");
      await startGateway();
    },
  ],
  [Math.floor((EVENTS * 4) / 5), () => world.nats.kill9()],
]);

it(
  "are handled once in each group, in the order of their keys, and read once",
  async () => {
    const eventReaders = [{ subjects: "deaths.>", public: true }];
    const bindings = [{ name: "TAKEN", kv: "taken" }];
    await world.push("deaths", SOURCE, { mode: "node", bindings, eventReaders });
    const handlers = GROUPS.map((name) => ({ name, pattern: "deaths.>", since: "all" }));
    await describeHandlers(world.connection, "deaths", handlers);
    const reader = await eventually(
      () => readEvents("/events/deaths.%3E", { base: () => gateways.at(-1)?.url ?? "", isFaithful: true }),
      { timeoutMs: 30_000 },
    );
    for (let n = 0; n < EVENTS; n++) {
      await DEATHS.get(n)?.();
      const key = KEYS[n % KEYS.length] ?? "";
      const event = { subject: `deaths.${n % 5}`, data: JSON.stringify({ key, n }), key, id: `deaths-${n}` };
      // The same id again is the same event.
      await eventually(() => events.publish(event), { timeoutMs: 60_000 });
    }
    const all = Array.from({ length: EVENTS }, (_, n) => n);
    for (const group of GROUPS)
      for (const [at, key] of KEYS.entries()) {
        const wanted = all.filter((n) => n % KEYS.length === at);
        await eventually(async () => expect(await notes(`${group}-${key}`)).toEqual(wanted), {
          timeoutMs: LIMIT_MS,
        });
      }
    await eventually(() => expect(reader.values.length).toBeGreaterThanOrEqual(EVENTS), {
      timeoutMs: 60_000,
    });
    expect(reader.values.map((value) => (value as { n: number }).n)).toEqual(all);
    expect(reader.gaps).toEqual([]);
    reader.stop();
  },
  LIMIT_MS * 2,
);
