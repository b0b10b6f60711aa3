/** Events in `env`, through the whole system. */
import { afterAll, describe, expect, it } from "vitest";
import { openEvents } from "../../nats/index.ts";
import { createProbes } from "../harness/probe.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());
const run = createProbes(world);
const events = await openEvents(world.connection);

const bindings = [{ name: "FACTS", events: { publish: ["orders.>"], hear: ["stock.>", "orders.>"] } }];

describe.each(["isolate", "node"])("in the mode %s", (mode) => {
  const probe = (body: string) => run(body, bindings, { mode });
  const place = `orders.${mode}`;

  it("publishes JSON, texts, bytes and nothing, and tells the place of each", async () => {
    const found = await probe(
      `const values = [{ a: 1 }, "text", new Uint8Array([0, 255]), undefined];
       const places = [];
       for (const value of values) places.push(await env.FACTS.publish("${place}.kinds", value, { key: "k" }));
       return places;`,
    );
    const places = found as { sequence: number; isDuplicate: boolean }[];
    expect(places.map(({ isDuplicate }) => isDuplicate)).toEqual([false, false, false, false]);
    const stored = await Array.fromAsync(events.read(`${place}.kinds`, 1));
    expect(stored.map(({ sequence }) => sequence)).toEqual(places.map(({ sequence }) => sequence));
    expect(
      stored.map(({ data, headers }) => [Buffer.from(data).toString("latin1"), headers.get("Content-Type")]),
    ).toEqual([
      ['{"a":1}', ["application/json"]],
      ['"text"', ["application/json"]],
      ["\0\xff", ["application/octet-stream"]],
      ["", undefined],
    ]);
    expect(stored[0]).toMatchObject({
      key: "k",
      source: expect.stringMatching(/^probe-/),
      isRetained: false,
    });
  });

  it("publishes an id once, and keeps a retained event until one without a value", async () => {
    const found = await probe(
      `const publish = (value, options) => env.FACTS.publish("${place}.state", value, options);
       const first = await publish(1, { id: "${mode}-1", retain: true });
       const second = await publish(2, { id: "${mode}-1", retain: true });
       const kept = await env.FACTS.last("${place}.state");
       const none = await env.FACTS.last("${place}.other");
       return [second.isDuplicate, second.sequence === first.sequence, kept.value, kept.subject, none];`,
    );
    expect(found).toEqual([true, true, 1, `${place}.state`, null]);
  });

  it("waits for the next event with a wildcard, and no longer than it says", async () => {
    const found = await probe(
      `const wait = env.FACTS.once("orders.*.next", { timeout: 20_000 });
       // The subscription is made when the answer to a later call has come.
       await env.FACTS.last("orders.x");
       let heard;
       const done = wait.then((event) => { heard = event; });
       while (heard === undefined) {
         await env.FACTS.publish("${place}.next", { n: 1 });
         await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 50))]);
       }
       const late = await env.FACTS.once("stock.never", { timeout: 20 }).catch((error) => error.name);
       return [heard.subject, heard.value, heard.text(), heard.publishedAt instanceof Date, late];`,
    );
    expect(found).toEqual([`${place}.next`, { n: 1 }, '{"n":1}', true, "TimeoutError"]);
  });

  it("refuses what narun.yaml does not declare, and options that are none", async () => {
    const found = await probe(
      `const names = [];
       const fail = async (attempt) => names.push(await attempt().then(() => "none", (error) => error.name));
       await fail(() => env.FACTS.publish("stock.a", 1));
       await fail(() => env.FACTS.once(">", { timeout: 10 }));
       await fail(() => env.FACTS.last("users.a"));
       await fail(() => env.FACTS.publish("orders.*", 1));
       await fail(() => env.FACTS.publish("orders.a", 1, { ttlSeconds: 1 }));
       await fail(() => env.FACTS.publish("orders.a", 1, { ttl: 0.5 }));
       await fail(() => env.FACTS.publish("orders.a", 1, { key: "a\\nb" }));
       return names;`,
    );
    expect(found).toEqual([
      ...[
        "BindingError",
        "BindingError",
        "BindingError",
        "TypeError",
        "TypeError",
        "RangeError",
        "TypeError",
      ],
    ]);
  });
});
