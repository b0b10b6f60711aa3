/** Sealed events through a whole narun: publishers, handlers, readers, and everyone without the label. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { narun } from "../../cli/testing/narun.ts";
import { listLetters, redriveLetters } from "../../control/index.ts";
import {
  enrolKey,
  grantLabel,
  initKeys,
  type KeyPlace,
  newKey,
  revokeLabel,
  rotateLabel,
} from "../../keys/index.ts";
import { type Events, openByteKv, openEvents, type StoredEvent } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { probe } from "../harness/probe.ts";
import { startWorld, type World } from "../harness/world.ts";

/** Publishes `count` events, and hears them by durable handlers, one of which takes sealed ones alone. */
const TILL = `
import { service } from "narun";
import { z } from "zod";
const note = async (handler, { id, subject, value }, env) => env.TAKEN.put([handler, subject, id].join("/"), JSON.stringify(value ?? null));
export default service({ name: "till", version: "1.0.0" })
  .action("sell", { input: z.object({ from: z.number(), count: z.number() }) }, async ({ from, count }, ctx) => {
    for (let n = from; n < from + count; n += 1)
      await ctx.publish("till.sold", { n, card: "secret-" + n }, { encrypt: "payments", retain: true });
    return count;
  })
  .on("till.>", { name: "strict", durable: true, since: "all", encrypt: "payments", maxDeliver: 1 },
    (event, ctx) => note("strict", event, ctx.env))
  .on("till.>", { name: "lenient", durable: true, since: "all", maxDeliver: 1, schema: z.object({ n: z.number() }).loose() },
    (event, ctx) => note("lenient", event, ctx.env));
`;
const NOTING = { bindings: [{ name: "TAKEN", kv: "taken" }] };
const BOUND = { timeoutMs: 30_000 };

let world: World;
let keysDir: string;
let place: KeyPlace;
let events: Events;
beforeAll(async () => {
  keysDir = await mkdtemp(join(tmpdir(), "narun-keys-"));
  world = await startWorld({ nodeArguments: ["--keys", keysDir] });
  place = { nats: world.connection, folder: { path: keysDir } };
  await initKeys(place, { node: "node-0", validMs: undefined });
  await grantLabel(place, { label: "payments", recipient: "service:till" });
  await grantLabel(place, { label: "payments", recipient: "service:shop" });
  events = await openEvents(world.connection);
  await world.push("till", TILL, NOTING);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(keysDir, { recursive: true });
});

const sell = async (from: number, count: number) => {
  const body = JSON.stringify({ from, count });
  const { status, text } = await world.call("/till.sell", { method: "POST", body });
  expect({ status, text }).toEqual({ status: 200, text: String(count) });
};
/** The values that a handler has taken, in the order of their events. */
async function takenBy(handler: string, subject = "till.sold"): Promise<unknown[]> {
  const bucket = await openByteKv(world.connection, "taken");
  const { keys } = await bucket.list({ prefix: `${handler}/${subject}/`, limit: 1_000, after: 0 });
  const ids = keys.map(({ key }) => Number(key.split("/")[2])).sort((a, b) => a - b);
  const values = await Promise.all(ids.map((id) => bucket.get(`${handler}/${subject}/${id}`)));
  return values.map((value) => JSON.parse(Buffer.from(value?.bytes ?? []).toString()));
}
const numbersOf = (values: unknown[]) => values.map((value) => (value as { n: number }).n);
const stored = (pattern: string) => Array.fromAsync(events.read(pattern, 1));
const lettersOf = async () => listLetters(world.connection, { function: "till" });
const handlerOf = ({ headers }: { headers: Record<string, string[]> }) =>
  headers["Narun-Event-Handler"]?.[0] ?? "";
const textOf = ({ data }: StoredEvent) => Buffer.from(data).toString();

it("keeps sealed events sealed in the streams, and opens them for the handlers of the service", async () => {
  await sell(1, 3);
  for (const handler of ["strict", "lenient"])
    await eventually(async () => {
      expect(await takenBy(handler)).toEqual([1, 2, 3].map((n) => ({ n, card: `secret-${n}` })));
    }, BOUND);
  const all = [...(await stored("till.>")), ...(await Array.fromAsync(events.retained("till.>")))];
  expect(all).toHaveLength(4);
  for (const event of all) expect(textOf(event)).toMatch(/^eyJ[\w-]+(\.[\w-]+){4}$/);
});

it("gives each event that cannot be opened a dead letter with its code, and takes it when it can", async () => {
  const [first] = await stored("till.sold");
  if (first === undefined) throw new Error("no event");
  const own = [...first.headers].filter(([name]) => !name.startsWith("Nats-"));
  const copy = { data: first.data, headers: new Map(own) };
  await events.publish({ subject: "till.other", ...copy });
  await events.publish({ subject: "till.clear", data: '{"n":7}' });
  await events.publish({ subject: "till.cut", ...copy, data: first.data.slice(0, -4) });
  await eventually(async () => {
    const found = (await lettersOf()).map((one) => [
      handlerOf(one),
      one.subject.split(".").at(-1),
      one.error.message,
    ]);
    expect(found.sort()).toEqual([
      ["lenient", "cut", expect.stringContaining("SEAL_BROKEN")],
      ["lenient", "other", expect.stringContaining("SEAL_MOVED")],
      ["strict", "clear", expect.stringContaining("SEAL_MISSING")],
      ["strict", "cut", expect.stringContaining("SEAL_BROKEN")],
      ["strict", "other", expect.stringContaining("SEAL_MOVED")],
    ]);
  }, BOUND);
  expect(await takenBy("lenient", "till.clear")).toEqual([{ n: 7 }]);
}, 60_000);

it("loses no event in rotations under load", async () => {
  const rotations = (async () => {
    for (let at = 0; at < 4; at += 1) await rotateLabel(place, "payments");
  })();
  const from = 100;
  for (let at = 0; at < 12; at += 1) await sell(from + at * 5, 5);
  await rotations;
  await rotateLabel(place, "payments");
  // A host uses the key before for a second at most.
  await eventually(async () => {
    await sell(1_000, 1);
    const last = (await stored("till.sold")).at(-1);
    const [header = ""] = textOf(last as StoredEvent).split(".");
    const { kid } = JSON.parse(Buffer.from(header, "base64url").toString());
    expect(kid).not.toBe(kidOf(firstOf(await stored("till.sold"))));
  });
  const wanted = numbersOf([1, 2, 3].map((n) => ({ n }))).concat(
    Array.from({ length: 60 }, (_, n) => from + n),
  );
  for (const handler of ["strict", "lenient"])
    await eventually(async () => {
      const numbers = numbersOf(await takenBy(handler));
      expect(numbers.filter((n) => n < 1_000)).toEqual(wanted);
      expect(numbers).toHaveLength((await stored("till.sold")).length);
    }, BOUND);
  expect(await lettersOf()).toHaveLength(5);
}, 90_000);

const firstOf = ([event]: StoredEvent[]) => event as StoredEvent;
function kidOf(event: StoredEvent): unknown {
  const [header = ""] = textOf(event).split(".");
  return JSON.parse(Buffer.from(header, "base64url").toString()).kid;
}

it("keeps an event that is sealed for a label which the service has not, until it has it", async () => {
  await grantLabel(place, { label: "stock", recipient: "service:shop" });
  const bindings = [{ name: "FACTS", events: ["till.>"], seal: "stock" }];
  await world.push("shop", probe(`return env.FACTS.publish("till.late", { n: 9 });`), { bindings });
  await world.call("/shop", { method: "POST" });
  const late = async () => (await lettersOf()).filter(({ subject }) => subject.endsWith("till.late"));
  await eventually(async () => {
    const messages = (await late()).map((one) => `${handlerOf(one)} ${one.error.message}`).sort();
    expect(messages[0]).toMatch(/lenient .*LABEL_NOT_GRANTED/);
    expect(messages[1]).toMatch(/strict .*SEAL_MOVED/);
  }, BOUND);
  await grantLabel(place, { label: "stock", recipient: "service:till", withHistory: true });
  await world.push("till", TILL, { ...NOTING, labels: ["stock"] });
  await redriveLetters(world.connection, { function: "till" }, () => undefined);
  await eventually(async () => expect(await takenBy("lenient", "till.late")).toEqual([{ n: 9 }]), BOUND);
}, 60_000);

it("opens for `once` and `last` of a binding with seal, and publishes by it sealed", async () => {
  const bindings = [{ name: "FACTS", events: ["shop.>"], seal: "payments" }];
  const body = `
    await env.FACTS.publish("shop.first", { card: "4111" });
    await env.FACTS.publish("shop.bytes", new Uint8Array([1, 2, 200]));
    const code = (work) => work.then(({ value }) => value, (error) => error.name);
    return [
      (await env.FACTS.last("shop.first")).value, [...(await env.FACTS.last("shop.bytes")).value],
      await code(env.FACTS.last("shop.clear")), (await env.FACTS.last("till.sold").catch((error) => error)).name,
      await code(env.FACTS.publish("shop.x", 1, { encrypt: "unknown" })),
    ];`;
  await events.publish({ subject: "shop.clear", data: "1" });
  await world.push("shop", probe(body), { bindings });
  const { text } = await world.call("/shop", { method: "POST" });
  expect(JSON.parse(text)).toEqual([
    { card: "4111" },
    [1, 2, 200],
    "SEAL_MISSING",
    "BindingError",
    "LABEL_NOT_GRANTED",
  ]);
  expect(await stored("shop.x")).toEqual([]);
  for (const event of [...(await stored("shop.first")), ...(await stored("shop.bytes"))])
    expect(textOf(event)).toMatch(/^eyJ/);
}, 60_000);

it("shows sealed events as sealed, and opens them by the key file of a user", async () => {
  const { fingerprint } = await newKey(place, { identity: "user:ann", network: undefined });
  await enrolKey(place, { identity: "user:ann", fingerprint });
  await grantLabel(place, { label: "payments", recipient: "user:ann", withHistory: true });
  const tail = async (...args: string[]) =>
    narun(["events", "tail", "till.sold", "--stored", ...args], { env: { NARUN_NATS_URL: world.nats.url } });
  const closed = await tail();
  expect(closed.stdout).toContain("(sealed for payments)");
  expect(closed.stdout).not.toContain("secret-");
  expect(JSON.parse((await tail("--json")).stdout.split("\n")[0] ?? "")).toMatchObject({
    sealed: "payments",
  });
  expect((await tail("--keys", keysDir, "--as", "user:ann")).stdout).toContain('{"n":1,"card":"secret-1"}');
  await revokeLabel(place, { label: "payments", recipient: "user:ann" });
  await eventually(async () => {
    await sell(2_000, 1);
    const { stdout } = await tail("--keys", keysDir, "--as", "user:ann");
    expect(stdout).toContain("(sealed for payments: SEAL_KEY_UNKNOWN)");
  }, BOUND);
}, 120_000);

it("are published sealed on the command line, where their hearers take them sealed", async () => {
  const { fingerprint } = await newKey(place, { identity: "user:bea", network: undefined });
  await enrolKey(place, { identity: "user:bea", fingerprint });
  await grantLabel(place, { label: "payments", recipient: "user:bea" });
  const publish = (...args: string[]) =>
    narun(["events", "publish", "till.typed", '{"n":77}', ...args], {
      env: { NARUN_NATS_URL: world.nats.url },
    });
  const refused = await publish();
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("till takes it sealed for payments");
  expect(refused.stderr).toContain("--encrypt payments --as user:NAME --keys DIR");
  expect(await stored("till.typed")).toEqual([]);
  const sealed = await publish("--as", "user:bea", "--keys", keysDir);
  expect(sealed.stdout).toContain("published (sealed for payments)");
  const [event] = await stored("till.typed");
  expect(event && textOf(event)).toMatch(/^eyJ/);
  await eventually(async () => expect(await takenBy("strict", "till.typed")).toEqual([{ n: 77 }]), BOUND);
  // Without the label nothing is published.
  const other = await publish("--encrypt", "stock", "--as", "user:bea", "--keys", keysDir);
  expect(other.stderr).toContain("The label is not granted");
  expect(await stored("till.typed")).toHaveLength(1);
  await publish("--allow-clear");
  expect((await stored("till.typed")).map(textOf).at(-1)).toBe('{"n":77}');
}, 120_000);
