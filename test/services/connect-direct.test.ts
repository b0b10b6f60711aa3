/** Clients outside of narun call instances straight where their login permits that, and take a gateway else. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { subjects } from "../../contracts/index.ts";
import { service } from "../../functions/sdk/index.ts";
import { connect } from "../../runtime/serve/index.ts";
import { type ConfiguredNats, startConfiguredNats } from "../harness/configured-nats.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

/** For its types. */
const clock = service({ name: "clock", version: "1.0.0" })
  .action("time", { readOnly: true, output: z.number() }, () => 0)
  .action("echo", { input: z.string(), output: z.string() }, (text) => text);
const SOURCE = `
import { service } from "narun";
export default service({ name: "clock", version: "1.0.0" })
  .action("time", { readOnly: true }, () => Date.now())
  .action("echo", {}, (text) => text);
`;
const USERS = `authorization { users: [
  { user: all, password: pw }
  { user: less, password: pw, permissions: { publish: { deny: ["narun.*.c.>"] }, subscribe: { allow: [">"] } } }
  { user: deaf, password: pw, permissions: { publish: { allow: [">"] }, subscribe: { deny: ["narun.*.instance.>"] } } }
] }`;
const WAIT = { timeoutMs: 20_000 };

let server: ConfiguredNats;
let world: World;
const byGateway: string[] = [];
const addressOf = (user: string) => `nats://${user}:pw@${server.host}`;

beforeAll(async () => {
  server = await startConfiguredNats(USERS);
  world = await startWorld({ natsUrl: addressOf("all") });
  world.connection.subscribe(subjects.invokeAll, ({ subject }) => void byGateway.push(subject));
  await world.push("clock", SOURCE, { scale: { idleSeconds: 1 } });
}, 120_000);
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const open = (user: string) => connect<typeof clock>("clock", { nats: addressOf(user) });
type Client = Awaited<ReturnType<typeof open>>;
/** Resolves when a call took no gateway. */
const isStraight = (client: Client) =>
  eventually(async () => {
    const before = byGateway.length;
    expect(await client.time()).toBeGreaterThan(0);
    expect(byGateway.slice(before)).toEqual([]);
  }, WAIT);

it("goes to the instance once the client knows of it, with bodies of any size", async () => {
  await using client = await open("all");
  await isStraight(client);
  const text = "ä".repeat(300_000);
  const before = byGateway.length;
  expect(await client.echo(text)).toBe(text);
  expect(byGateway.slice(before)).toEqual([]);
}, 60_000);

it("takes a gateway where no instance is live, which wakes the service, and goes straight again", async () => {
  await using client = await open("all");
  await isStraight(client);
  await eventually(async () => expect(await world.ps("clock")).toEqual([]), WAIT);
  const before = byGateway.length;
  expect(await client.time()).toBeGreaterThan(0);
  expect(byGateway.slice(before)).toHaveLength(1);
  await isStraight(client);
}, 60_000);

it.each(["less", "deaf"])(
  "takes a gateway where its login is %s than that",
  async (user) => {
    await using client = await open(user);
    await using other = await open("all");
    expect(await client.time()).toBeGreaterThan(0);
    // The other client learns of the service meanwhile, from a later start on.
    await isStraight(other);
    const before = byGateway.length;
    for (let n = 0; n < 5; n++) expect(await client.time()).toBeGreaterThan(0);
    expect(byGateway.slice(before)).toHaveLength(5);
  },
  60_000,
);
