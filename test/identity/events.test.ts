/** Events of services in a closed network: their hosts have no rights to the stream of events. */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openEvents } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type ClosedWorld, startClosedWorld } from "./closed-world.ts";

const service = (handlers: string) => `import { service } from "narun";
const heard = [];
export default service({ name: "mails", version: "1.0.0" })
  .action("heard", { readOnly: true }, () => heard)
  .action("wait", {}, async (input, ctx) => (await ctx.once("payments.late.*", { timeout: 20_000 })))
  .action("last", {}, async (input, ctx, env) => (await env.PAID.last("payments.eu.paid"))?.value ?? null)
  .action("steal", {}, (input, ctx) => ctx.once("secrets.>", { timeout: 100 }).then(() => "yes", (error) => error.name))
  ${handlers};\n`;
const NOTE = (kind: string) =>
  `({ subject, value }) => void heard.push(["${kind}", subject, value].join(" "))`;
const DURABLE = `.on("payments.>", { name: "durable", durable: true, since: "all" }, ${NOTE("durable")})`;
const OTHERS = `.on("payments.>", { name: "heard" }, ${NOTE("heard")})
  .on("payments.>", { name: "each", each: true, since: "last" }, ${NOTE("each")})`;
const CONFIG = `name: mails
scale: { min: 1, max: 1 }
bindings:
  - { name: PAID, events: { hear: ["payments.>"] } }
`;

let world: ClosedWorld;
beforeAll(async () => {
  world = await startClosedWorld({
    "first/index.ts": service(DURABLE + OTHERS),
    "first/narun.yaml": CONFIG,
    "second/index.ts": service(OTHERS),
    "second/narun.yaml": CONFIG,
  });
});
afterAll(() => world?.[Symbol.asyncDispose]());

const BOUND = { timeoutMs: 30_000 };
const call = async (action: string) =>
  JSON.parse(await (await fetch(`${world.http}/mails.${action}`, { method: "POST" })).text());

it("reach handlers of any kind by a wildcard, and leave with their service, by the login of an author", async () => {
  const operator = await world.connect("cli");
  const events = await openEvents(operator);
  const publish = (subject: string, value: string) =>
    events.publish({ subject, data: JSON.stringify(value) });
  await publish("payments.eu.paid", "one");
  expect(await world.narun("author", ["push", "first"])).toMatchObject({ code: 0 });
  // Events that are not durable are heard from the next one on.
  await eventually(async () => {
    await publish("payments.us.paid", "probe");
    expect(await call("heard")).toContain("heard payments.us.paid probe");
  }, BOUND);
  await publish("payments.eu.paid", "two");
  await eventually(async () => {
    const heard: string[] = await call("heard");
    for (const kind of ["durable", "each"])
      for (const value of ["one", "two"]) expect(heard).toContain(`${kind} payments.eu.paid ${value}`);
    expect(heard).toContain("heard payments.eu.paid two");
  }, BOUND);
  expect(await call("last")).toBe("two");
  let isOver = false;
  const waiting = call("wait").finally(() => {
    isOver = true;
  });
  await eventually(async () => {
    await publish("payments.late.a", "late");
    expect(isOver).toBe(true);
  }, BOUND);
  expect(await waiting).toBe("late");
  expect(await call("steal")).toBe("BindingError");

  const manager = await jetstreamManager(operator.connection);
  const consumers = async () =>
    (await manager.consumers.list("narun-events").next())
      .map(({ name }) => name)
      .filter((name) => name.startsWith("narun=mails="));
  expect(await consumers()).toHaveLength(4);
  expect(await world.narun("author", ["push", "second"])).toMatchObject({ code: 0 });
  await eventually(async () => expect(await consumers()).toEqual([]), BOUND);
  expect(await world.narun("author", ["push", "first"])).toMatchObject({ code: 0 });
  await eventually(async () => expect(await consumers()).toHaveLength(4), BOUND);
  const removed = await world.narun("author", ["rm", "mails"]);
  expect(removed).toMatchObject({ code: 0 });
  await eventually(async () => expect(await consumers()).toEqual([]), BOUND);
}, 150_000);
