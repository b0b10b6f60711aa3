/** The places of durable event handlers: who deletes them, and who keeps them. */
import { jetstreamManager } from "@nats-io/jetstream";
import { expect, it } from "vitest";
import { listLetters, removeFunction, rollback } from "../../control/index.ts";
import { openEvents, openSpecs } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

const BOUND = { timeoutMs: 60_000 };
/** Its events have an `id` that is a text. */
const source = (version: string, handlers: string[]) => `import { service } from "narun";
const validate = (value) => (typeof value.id === "string" ? { value } : { issues: [{ message: "no text", path: ["id"] }] });
const jsonSchema = { input: () => ({ type: "object" }), output: () => ({ type: "object" }) };
const schema = { "~standard": { version: 1, vendor: "own", validate, jsonSchema } };
export default service({ name: "mails", version: "${version}" })
  .action("seen", { readOnly: true }, () => "${version}")
  ${handlers.map((name) => `.on("${name}.*", { name: "${name}", durable: true, maxDeliver: 1, schema }, () => undefined)`).join("\n  ")};`;

/** How many consumers a durable handler has. */
const LANES = 4;

async function consumersOf(world: World, name: string): Promise<string[]> {
  const manager = await jetstreamManager(world.connection.connection);
  const all = await manager.consumers.list("narun-events").next();
  return all.map((one) => one.name).filter((one) => one.startsWith(`narun=${name}=`));
}

async function placesOf(world: World, name: string): Promise<string[]> {
  const consumers = await consumersOf(world, name);
  return [...new Set(consumers.map((one) => one.split("=")[2] ?? ""))].sort();
}

it("a push that a node tries deletes the places of the handlers that it drops, also of those that no node reads any more", async () => {
  await using world = await startWorld();
  const places = () => placesOf(world, "mails");
  await world.push("mails", source("1.0.0", ["one", "two"]));
  // A handler has a consumer for each lane, and begins with the events that come behind it.
  await eventually(async () => expect(await consumersOf(world, "mails")).toHaveLength(2 * LANES), BOUND);
  await world.nodes[0]?.drain();
  // No node can say which handlers it has: all places stay, and with them the events that come meanwhile.
  await world.push("mails", source("2.0.0", ["two", "three"]));
  const events = await openEvents(world.connection);
  await events.publish({ subject: "two.a", data: '{"id":7}' });
  await world.startNode("node-1");
  expect(await places()).toEqual(["one", "two"]);
  expect(await world.push("mails", source("2.0.0", ["two", "three"]))).toMatchObject({ tried: true });
  await eventually(async () => expect(await places()).toEqual(["three", "two"]), BOUND);
  // The event that came meanwhile does not fit: its dead letter names the field.
  await eventually(async () => {
    const [letter] = await listLetters(world.connection, { function: "mails" });
    expect(letter?.error.message).toBe(
      'TypeError: an event of on("two.*") does not fit its schema at id: no text',
    );
  }, BOUND);
  await rollback(world.connection, "mails");
  await eventually(async () => expect(await places()).toEqual(["one", "two"]), BOUND);
  await removeFunction(world.connection, "mails");
  // A node that reads one may have made it again before it heard of the removal.
  await eventually(async () => expect(await places()).toEqual([]), BOUND);
  // An abandoned event is no place: the letters stay for their time.
  expect(await listLetters(world.connection, { function: "mails" })).toHaveLength(1);
}, 240_000);

it("a node that begins deletes the places of functions that are gone, and no others", async () => {
  await using world = await startWorld();
  for (const name of ["mails", "other"])
    await world.push(name, source("1.0.0", ["one"]).replace('"mails"', `"${name}"`));
  await eventually(
    async () =>
      expect([await placesOf(world, "mails"), await placesOf(world, "other")]).toEqual([["one"], ["one"]]),
    BOUND,
  );
  await world.nodes[0]?.drain();
  // As by a login that may not delete them.
  await (await openSpecs(world.connection)).delete("mails");
  await world.startNode("node-1");
  await eventually(async () => expect(await placesOf(world, "mails")).toEqual([]), BOUND);
  expect(await placesOf(world, "other")).toEqual(["one"]);
}, 240_000);
