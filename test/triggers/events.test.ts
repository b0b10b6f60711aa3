/** Handlers of events, on a whole narun: the specs stand in for a service's description. */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EventHandler } from "../../contracts/index.ts";
import { listLetters, redriveLetters, removeFunction } from "../../control/index.ts";
import { type Events, openByteKv, openEvents } from "../../nats/index.ts";
import { describeHandlers } from "../harness/event-handlers.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

let world: World;
let events: Events;
beforeAll(async () => {
  world = await startWorld({ nodes: 2 });
  events = await openEvents(world.connection);
});
afterAll(() => world[Symbol.asyncDispose]());

const BOUND = { timeoutMs: 30_000 };
const NOTING = { bindings: [{ name: "TAKEN", kv: "taken" }], scale: { idleSeconds: 1 } };

/** A function that notes each event, as both kinds of handlers get it. */
const noting = (body = "") => `
  const take = async (message, env) => {
    const handler = message.headers["Narun-Event-Handler"][0];
    ${body}
    const key = [handler, message.subject, message.id].join("/");
    await env.TAKEN.put(key, JSON.stringify([message.body, message.attempts]));
  };
  export default {
    async queue({ messages }, env) { for (const message of messages) await take(message, env); },
    message: take,
  };
`;

/** Pushes a function, and writes its event handlers into the spec. */
async function push(name: string, source: string, handlers: readonly Partial<EventHandler>[]): Promise<void> {
  await world.push(name, source, NOTING);
  await describeService(name, handlers);
}

const describeService = (name: string, handlers: readonly Partial<EventHandler>[]) =>
  describeHandlers(world.connection, name, handlers);

/** The notes of a handler: `<subject> <value> <attempts>`, in the order of the events. */
async function notesOf(handler: string): Promise<string[]> {
  const bucket = await openByteKv(world.connection, "taken");
  const notes: [number, string][] = [];
  const { keys } = await bucket.list({ prefix: `${handler}/`, limit: 1_000, after: 0 });
  for (const { key } of keys) {
    const [, subject, id] = key.split("/");
    const entry = await bucket.get(key);
    const [value, attempts] = JSON.parse(Buffer.from(entry?.bytes ?? []).toString());
    notes.push([Number(id), `${subject} ${value} ${attempts}`]);
  }
  return notes.sort(([a], [b]) => a - b).map(([, note]) => note);
}

async function consumersOf(name: string): Promise<string[]> {
  const manager = await jetstreamManager(world.connection.connection);
  const all = await manager.consumers.list("narun-events").next();
  return all.map((one) => one.name).filter((one) => one.startsWith(`narun=${name}=`));
}

const publish = (subject: string, value: unknown, more: object = {}) =>
  events.publish({ subject, data: JSON.stringify(value), ...more });

describe("a durable handler", () => {
  it("is woken from zero, and has its events in order, from where it begins", async () => {
    for (const value of [1, 2]) await publish("d.a", value);
    await publish("d.b", 3);
    await push("durable", noting(), [
      { name: "dur-all", pattern: "d.>", since: "all" },
      { name: "dur-last", pattern: "d.*", since: "last" },
      { name: "dur-new", pattern: "d.a", since: "new" },
    ]);
    await eventually(async () => expect(await consumersOf("durable")).toHaveLength(12), BOUND);
    await eventually(
      async () => expect(await notesOf("dur-all")).toEqual(["d.a 1 1", "d.a 2 1", "d.b 3 1"]),
      BOUND,
    );
    await eventually(async () => expect(await notesOf("dur-last")).toEqual(["d.a 2 1", "d.b 3 1"]), BOUND);
    expect(await notesOf("dur-new")).toEqual([]);
    await eventually(async () => expect(await world.ps("durable")).toEqual([]), BOUND);
    await publish("d.a", 4);
    await eventually(async () => expect(await notesOf("dur-new")).toEqual(["d.a 4 1"]), BOUND);
    await eventually(async () => expect((await notesOf("dur-last")).at(-1)).toBe("d.a 4 1"), BOUND);
  });

  it("is tried again, holds back its key meanwhile, and ends as a dead letter that goes back to it alone", async () => {
    const bad = 'if (message.body === "bad" && handler === "fail-1") throw new TypeError("no good");';
    const handlers = [
      { name: "fail-1", pattern: "fail.>", since: "all", maxDeliver: 2 },
      { name: "fail-2", pattern: "fail.>", since: "all" },
    ];
    await push("failing", noting(bad), handlers);
    for (const value of ["1", "bad", "2"]) await publish(`fail.${value}`, value, { key: "one" });
    await eventually(
      async () => expect(await notesOf("fail-1")).toEqual(["fail.1 1 1", "fail.2 2 1"]),
      BOUND,
    );
    await eventually(async () => expect(await notesOf("fail-2")).toHaveLength(3), BOUND);
    const [letter] = await listLetters(world.connection, { function: "failing" });
    expect(letter).toMatchObject({
      stream: "narun-events",
      attempts: 2,
      error: { message: "TypeError: no good" },
    });
    await push("failing", noting(), handlers);
    await redriveLetters(world.connection, { function: "failing" }, ({ error }) =>
      expect(error).toBeUndefined(),
    );
    await eventually(async () => expect((await notesOf("fail-1")).at(-1)).toBe("fail.bad bad 1"), BOUND);
    await publish("fail.end", "end", { key: "one" });
    await eventually(async () => expect((await notesOf("fail-2")).at(-1)).toBe("fail.end end 1"), BOUND);
    expect(await notesOf("fail-2")).toHaveLength(4);
    expect(await listLetters(world.connection, { function: "failing" })).toEqual([]);
  });

  it("loses its consumers with the handler, and with the function, also where no node runs", async () => {
    await push("leaving", noting(), [
      { name: "leave-1", pattern: "leave.a" },
      { name: "leave-2", pattern: "leave.b" },
    ]);
    await eventually(async () => expect(await consumersOf("leaving")).toHaveLength(8), BOUND);
    await describeService("leaving", [{ name: "leave-2", pattern: "leave.b" }]);
    await eventually(async () => expect(await consumersOf("leaving")).toHaveLength(4), BOUND);
    await removeFunction(world.connection, "leaving");
    await eventually(async () => expect(await consumersOf("leaving")).toEqual([]), BOUND);
  });
});

describe("a service", () => {
  it("publishes by ctx, hears its own events and others, and each instance hears for itself", async () => {
    await publish("news.old", "old", { retain: true });
    await world.push(
      "paper",
      `import { service } from "narun";
       const heard = [];
       export default service({ name: "paper", version: "1.0.0" })
         .action("write", {}, async ({ text }, ctx) => {
           const next = ctx.once("paper.printed", { timeout: 20_000 });
           await ctx.publish("paper.written", { text }, { key: text });
           return { printed: await next };
         })
         .action("heard", { readOnly: true }, () => heard)
         .action("steal", {}, (input, ctx) => ctx.publish("other.written", 1).then(() => "yes", (error) => error.name))
         .on("paper.written", { name: "print", durable: true, since: "all" }, async ({ value }, ctx) => {
           await ctx.publish("paper.printed", value.text.toUpperCase());
         })
         .on("news.>", { name: "each", each: true, since: "last" }, ({ value, subject }) => {
           heard.push(subject + " " + value);
         });`,
      { scale: { min: 2, max: 2 } },
    );
    const post = (action: string, input: object) =>
      world.call(`/paper.${action}`, { method: "POST", body: JSON.stringify(input) });
    expect(JSON.parse((await post("write", { text: "hello" })).text)).toEqual({ printed: "HELLO" });
    expect(JSON.parse((await post("steal", {})).text)).toBe("BindingError");
    await publish("news.fresh", "fresh");
    const wanted = JSON.stringify(["news.old old", "news.fresh fresh"]);
    for (let n = 0; n < 8; n++)
      await eventually(async () => expect((await post("heard", {})).text).toBe(wanted), BOUND);
    expect((await world.ps("paper")).length).toBe(2);
  });
});

describe("a handler that is not durable", () => {
  it("is woken by events that come, one of the group for each, and never again", async () => {
    await publish("heard.a", "before");
    await push("heard", noting('if (message.body === "bad") throw new Error("no");'), [
      { name: "heard-1", pattern: "heard.*", isDurable: false },
    ]);
    await eventually(async () => {
      await publish("heard.a", "probe");
      expect((await notesOf("heard-1")).length).toBeGreaterThan(0);
    }, BOUND);
    const { sequence } = await publish("heard.b", "bad");
    await publish("heard.b", "last");
    await eventually(async () => expect((await notesOf("heard-1")).at(-1)).toBe("heard.b last 1"), BOUND);
    expect((await notesOf("heard-1")).filter((note) => /before|bad/.test(note))).toEqual([]);
    expect(sequence).toBeGreaterThan(0);
    expect(await consumersOf("heard")).toEqual([]);
  });
});
