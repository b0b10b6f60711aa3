/** `narun events`, on events that are there. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FunctionSpecSchema } from "../../contracts/index.ts";
import { connectNats, type Events, type Nats, openEvents, openSpecs } from "../../nats/index.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { narun } from "../testing/narun.ts";

let server: TestNats;
let nats: Nats;
let events: Events;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
  events = await openEvents(nats);
  await events.publish({ subject: "orders.paid", data: "1", key: "a", source: "shop" });
  await events.publish({ subject: "orders.paid", data: "2", key: "b", source: "shop" });
  await events.publish({ subject: "state", data: '"on"', retain: true });
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

const run = (...args: string[]) => narun(["events", ...args], { env: { NARUN_NATS_URL: server.url } });
const lines = async (...args: string[]) =>
  (await run(...args, "--json")).stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

test("events are listed, read and published", async () => {
  expect((await run("ls")).stdout).toMatch(/orders\.paid +2 +-\n.*state +1 +\S+ ago/);
  expect((await lines("ls", "orders.>"))[0]).toEqual([{ subject: "orders.paid", events: 2 }]);
  expect(await lines("tail", "orders.*", "--stored", "--key", "b")).toMatchObject([
    { subject: "orders.paid", key: "b", source: "shop", retained: false, value: 2 },
  ]);
  expect((await run("tail", "--stored", "--since", "1h")).stdout).toMatch(/orders\.paid key=a 1\n/);
  const published = await run("publish", "orders.sent", "no json", "--id", "x", "--retain", "--json");
  expect(JSON.parse(published.stdout)).toMatchObject({ subject: "orders.sent", isDuplicate: false });
  expect((await run("publish", "orders.sent", "other", "--id", "x")).stdout).toContain("was there already");
  expect(await lines("tail", "orders.sent", "--stored")).toMatchObject([
    { value: "no json", retained: true },
  ]);
  for (const [subject, why] of [
    ["orders.*", "without wildcards"],
    ["a b", '"a b" is no subject of events'],
    [`a.${"b".repeat(511)}`, "at most 512 characters"],
  ] as const) {
    const wrong = await run("publish", subject, "1");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining(why)]);
  }
}, 120_000);

test.each([
  ["--id", "a\nb"],
  ["--id", "x".repeat(401)],
  ["--key", "x".repeat(257)],
  ["--key", " "],
])(
  "an event's %s that no header field can have is a wrong use",
  async (flag, text) => {
    const wrong = await run("publish", "orders.sent", "1", flag, text);
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${flag} takes a text on one line`),
    });
  },
  60_000,
);

test("a key is made with the digest that a rule names", async () => {
  const [{ key, digest }] = await lines("key");
  expect(digest).toBe(`sha256:${createHash("sha256").update(key).digest("hex")}`);
}, 60_000);

test("events are sent again to the durable handlers of one service, and nobody else hears of it", async () => {
  const handler = { name: "mail", pattern: "orders.>", isDurable: true, since: "new", isForEach: false };
  const spec = FunctionSpecSchema.parse({
    ...{ name: "mails", routes: [], revision: "a".repeat(64) },
    interface: { version: "1.0.0", events: [handler] },
  });
  await (await openSpecs(nats)).put("mails", { kind: "function", spec });
  const none = await run("replay", "orders.>", "--to", "mails", "--handler", "other", "--json");
  expect(JSON.parse(none.stderr).error.code).toBe("EVENT_HANDLER_NOT_FOUND");
  expect(await lines("replay", "orders.paid", "--to", "mails", "--dry-run")).toHaveLength(2);
  const before = (await events.bounds()).last;
  const replayed = await lines("replay", "orders.paid", "--to", "mails", "--handler", "mail", "--key", "a");
  expect(replayed).toEqual([{ to: "mails", replayed: 1 }]);
  expect((await events.bounds()).last).toBe(before + 1);
  expect(await lines("tail", "orders.paid", "--stored")).toHaveLength(2);
}, 120_000);
