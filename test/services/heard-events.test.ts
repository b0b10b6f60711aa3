/** Events of services, as their code says it: who hears, where a handler begins, and how long `once` waits. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Events, openEvents } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

const BOUND = { timeoutMs: 30_000 };
/** Two instances; each tells the events that it has heard. */
const PAPER = `import { service } from "narun";
const me = crypto.randomUUID();
const heard = { each: [], group: [] };
export default service({ name: "paper", version: "1.0.0" })
  .action("heard", { readOnly: true }, () => ({ me, ...heard }))
  .action("wait", {}, async ({ timeout }, ctx) => {
    const from = Date.now();
    try {
      return { value: await ctx.once("paper.never", { timeout }) };
    } catch (error) {
      return { name: error.name, waitedMs: Date.now() - from };
    }
  })
  .action("next", {}, async ({ subject, timeout }, ctx) => {
    try {
      return { value: await ctx.once(subject, timeout && { timeout }) };
    } catch (error) {
      return { name: error.name };
    }
  })
  .on("news.*", { name: "each", each: true }, ({ value }) => { heard.each.push(value); })
  .on("news.*", { name: "group" }, ({ value }) => { heard.group.push(value); });`;

/** Hears what is younger than a moment, which is in its code. */
const archive = (since: string) => `import { service } from "narun";
const heard = [];
export default service({ name: "archive", version: "1.0.0" })
  .action("heard", { readOnly: true }, () => heard)
  .on("past.>", { name: "later", durable: true, since: new Date("${since}") }, ({ value }) => { heard.push(value); });`;

let world: World;
let events: Events;
beforeAll(async () => {
  world = await startWorld();
  events = await openEvents(world.connection);
});
afterAll(() => world[Symbol.asyncDispose]());

const publish = (subject: string, value: unknown) => events.publish({ subject, data: JSON.stringify(value) });
const post = async (action: string, input: object = {}) =>
  JSON.parse((await world.call(`/${action}`, { method: "POST", body: JSON.stringify(input) })).text);

interface Heard {
  me: string;
  each: unknown[];
  group: unknown[];
}

it("reach every instance where the handler says `each`, and one of the group otherwise", async () => {
  await world.push("paper", PAPER, { scale: { min: 2, max: 2 } });
  const found = new Map<string, Heard>();
  const look = async () => {
    for (let n = 0; n < 6; n++) {
      const one: Heard = await post("paper.heard");
      found.set(one.me, one);
    }
    expect(found.size).toBe(2);
    return [...found.values()];
  };
  await eventually(look, BOUND);
  // Handlers that keep no place begin with the next event: a probe shows that both hear.
  await eventually(async () => {
    await publish("news.a", "probe");
    for (const { each } of await look()) expect(each).toContain("probe");
    expect((await look()).flatMap(({ group }) => group)).toContain("probe");
  }, BOUND);
  const values = Array.from({ length: 20 }, (_, index) => index);
  for (const value of values) await publish("news.a", value);
  await eventually(async () => {
    const all = await look();
    const numbers = (some: unknown[]) => some.filter((one) => typeof one === "number");
    for (const { each } of all) expect(numbers(each)).toEqual(values);
    expect(numbers(all.flatMap(({ group }) => group)).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      values,
    );
  }, BOUND);
}, 90_000);

it("are waited for by `once` no longer than its timeout", async () => {
  const outcome = await post("paper.wait", { timeout: 300 });
  expect(outcome).toMatchObject({ name: "TimeoutError" });
  // The default is 5 s.
  expect(outcome.waitedMs).toBeLessThan(4_500);
  expect(outcome.waitedMs).toBeGreaterThan(250);
  const long = await post("paper.wait");
  expect(long).toMatchObject({ name: "TimeoutError" });
  expect(long.waitedMs).toBeGreaterThan(4_900);
  expect(long.waitedMs).toBeLessThan(20_000);
}, 60_000);

it("are the answer of `once`: the value of the next one, also of one without a value", async () => {
  const heard = async (subject: string, published: string, value: unknown) => {
    let answer: unknown;
    const asked = post("paper.next", { subject, timeout: 20_000 }).then((found) => {
      answer = found;
    });
    // Only what comes after the subscription is heard, and nothing tells of that.
    await eventually(async () => {
      await events.publish({ subject: published, data: value === undefined ? "" : JSON.stringify(value) });
      expect(answer).toBeDefined();
    }, BOUND);
    await asked;
    return answer;
  };
  expect(await heard("paper.sold", "paper.sold", { copies: 7 })).toEqual({ value: { copies: 7 } });
  expect(await heard("paper.*.sold", "paper.evening.sold", "late")).toEqual({ value: "late" });
  expect(await heard("paper.gone", "paper.gone", undefined)).toEqual({ value: null });
}, 90_000);

it("are not waited for by `once` where the service may not hear them", async () => {
  for (const subject of ["strange.sold", ">", "paper", "*.sold"])
    expect(await post("paper.next", { subject, timeout: 20 }), subject).toEqual({ name: "BindingError" });
}, 60_000);

it("are heard from a moment on, by the clock of the stream", async () => {
  const stored = async () =>
    (await Array.fromAsync(events.read("past.>", 1))).map(({ storedAt }) => storedAt);
  await publish("past.a", 1);
  await publish("past.b", 2);
  // The moment lies between two events: the clock has to move.
  const [, second] = await stored();
  await eventually(() => expect(Date.now()).toBeGreaterThan(Number(second) + 2));
  await publish("past.a", 3);
  await publish("past.b", 4);
  const [, , third] = await stored();
  const since = new Date((Number(second) + Number(third)) / 2);
  await world.push("archive", archive(since.toISOString()));
  await publish("past.a", 5);
  await eventually(
    async () => expect([...(await post("archive.heard"))].toSorted()).toEqual([3, 4, 5]),
    BOUND,
  );
}, 60_000);
