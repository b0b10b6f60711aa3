/** Workflows whose journals are sealed, through a whole narun. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { narun } from "../../cli/testing/narun.ts";
import { type JournalMessage, type JournalSeals, SealedJournal } from "../../contracts/index.ts";
import {
  createIdentitySealer,
  enrolKey,
  grantLabel,
  initKeys,
  type KeyPlace,
  newKey,
  rotateLabel,
} from "../../keys/index.ts";
import { Journals, toMessage } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { probe } from "../harness/probe.ts";
import { startWorld, type World } from "../harness/world.ts";

const ORDERS = `import { workflow } from "narun";
export default workflow(async (ctx, input, env) => {
  const card = await ctx.step("read", () => input.card);
  const nothing = await ctx.step("nothing", () => undefined);
  let failed;
  try {
    await ctx.step("fail", { retry: { max: 2, delay: 10 } }, () => { throw new Error("secret-fault of " + card); });
  } catch (error) { failed = error.message; }
  const paid = await ctx.waitFor("paid", { timeout: "1h" });
  const part = input.alone ? undefined : await ctx.child("parts", { card }, { id: "part-" + ctx.id });
  await ctx.publish("ledger.done", { card });
  return { card, nothing: nothing === undefined, failed: failed.includes("secret-fault"), paid, part };
});`;
const PARTS = `import { workflow } from "narun";
export default workflow(async (ctx, input) => ctx.step("echo", () => "part of " + input.card));`;

const SEALED = { workflow: { seal: "payments" } };
let world: World;
let keysDir: string;
let place: KeyPlace;
beforeAll(async () => {
  keysDir = await mkdtemp(join(tmpdir(), "narun-keys-"));
  world = await startWorld({ nodeArguments: ["--keys", keysDir] });
  place = { nats: world.connection, folder: { path: keysDir } };
  await initKeys(place, { node: "node-0", validMs: undefined });
  for (const recipient of ["service:orders", "service:parts", "service:shop"])
    await grantLabel(place, { label: "payments", recipient });
  const bindings = [
    { name: "PARTS", workflow: "parts" },
    { name: "LEDGER", publish: ["ledger.>"], seal: "payments" },
  ];
  await world.push("orders", ORDERS, { ...SEALED, bindings });
  await world.push("parts", PARTS, SEALED);
  const shop = `
    const { id, payload } = await request.json();
    if (payload !== undefined) return env.ORDERS.signal(id, "paid", payload);
    await env.ORDERS.start(id, { card: "secret-4111" });`;
  await world.push("shop", probe(shop), {
    bindings: [{ name: "ORDERS", workflow: "orders", seal: "payments" }],
  });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(keysDir, { recursive: true });
});

const journals = () => new Journals(world.connection);
const textOf = async (workflow: string, id: string) =>
  JSON.stringify((await journals().read({ workflow, id })).map(toMessage));
const stateOf = async (id: string) => (await journals().last({ workflow: "orders", id }))?.record;
const shop = async (content: object) => {
  const { status, text } = await world.call("/shop", { method: "POST", body: JSON.stringify(content) });
  expect({ status, text }).toEqual({ status: 200, text: "null" });
};
const waits = (id: string) =>
  eventually(async () => expect((await stateOf(id))?.state).toBe("waiting"), { timeoutMs: 30_000 });
const run = (...args: string[]) => narun(["workflow", ...args], { env: { NARUN_NATS_URL: world.nats.url } });

describe("a workflow with seal", () => {
  it("runs with values that its journal has sealed alone, also those of its children and its messages", async () => {
    const heard: string[] = [];
    world.connection.subscribe("ledger.>", (message) => void heard.push(message.text()));
    await world.connection.flush();
    await shop({ id: "one" });
    await waits("one");
    await rotateLabel(place, "payments");
    await shop({ id: "one", payload: "secret-payload" });
    const answer = await world.call("/orders/one/result?wait=30");
    expect(JSON.parse(answer.text)).toEqual({
      ...{ card: "secret-4111", nothing: true, failed: true },
      ...{ paid: "secret-payload", part: "part of secret-4111" },
    });
    for (const text of [await textOf("orders", "one"), await textOf("parts", "part-one"), ...heard]) {
      expect(text).toContain("eyJ");
      expect(text).not.toContain("secret-");
    }
    expect(heard).toHaveLength(1);
  });

  it("is shown with its values by a key file, and without one as sealed", async () => {
    const closed = await run("show", "orders", "one");
    expect(closed.stdout).toContain("result    (sealed for payments)");
    expect(closed.stdout).not.toContain("secret-");
    const { fingerprint } = await newKey(place, { identity: "user:ann", network: undefined });
    await enrolKey(place, { identity: "user:ann", fingerprint });
    await grantLabel(place, { label: "payments", recipient: "user:ann", withHistory: true });
    const opened = await run("show", "orders", "one", "--keys", keysDir, "--as", "user:ann");
    expect(opened.stdout).toMatch(/result +\{"card":"secret-4111"/);
    expect(opened.stdout).toContain("secret-fault");
  }, 60_000);

  it("takes starts and signals of the command line sealed, or not at all", async () => {
    const data = ["--data", '{"card":"secret-4112","alone":true}'];
    const refused = await run("start", "orders", "two", ...data);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("not sealed")]);
    expect(await stateOf("two")).toBeUndefined();
    const keys = ["--keys", keysDir, "--as", "user:ann"];
    expect(await run("start", "orders", "two", ...data, ...keys)).toMatchObject({ code: 0 });
    await waits("two");
    const unsealed = await run("signal", "orders", "two", "paid", "--data", "1");
    expect([unsealed.code, unsealed.stderr]).toEqual([1, expect.stringContaining("not sealed")]);
    // In clear, as any client of NATS could send it: it is passed over.
    const name = { workflow: "orders", id: "two" };
    await journals().send(name, { t: "signal", id: "x", name: "paid", payload: "forged" });
    await run("signal", "orders", "two", "paid", "--data", '"true"', ...keys);
    const { stdout } = await run("result", "orders", "two", "--wait", "30s", ...keys);
    expect(JSON.parse(stdout)).toMatchObject({ card: "secret-4112", paid: "true" });
    expect(await textOf("orders", "two")).not.toContain("secret-");
  }, 90_000);

  it("fails by a named code where its input is in clear, or of another workflow", async () => {
    await journals().send({ workflow: "orders", id: "three" }, { t: "start", input: { card: "x" } }, true);
    const [start] = (await journals().read({ workflow: "orders", id: "one" })).map(toMessage);
    if (start?.in === undefined) throw new Error("no start");
    await journals().send({ workflow: "orders", id: "four" }, start.in, true);
    for (const [id, code] of [
      ["three", "SEAL_MISSING"],
      ["four", "SEAL_MOVED"],
    ] as const)
      await eventually(
        async () => expect(await stateOf(id)).toMatchObject({ state: "failed", fault: { code } }),
        { timeoutMs: 30_000 },
      );
  });

  it("refuses a journal whose entries were altered, swapped, left out, or had their bond taken off", async () => {
    const stored = (await journals().read({ workflow: "orders", id: "one" })).map(toMessage);
    const keys = ["--keys", keysDir, "--as", "user:ann"];
    const at = stored.flatMap(({ log }, index) => (log === undefined ? [] : [index]));
    const [first = 0, second = 0, third = 0] = at;
    const record = (index: number): Record<string, unknown> => ({ ...stored[index]?.log });
    const renamed = JSON.parse(JSON.stringify(record(first)).replace('"read"', '"paid"'));
    const { bond: _, ...bare } = record(second);
    const cases: [string, Record<number, unknown>, string][] = [
      ["altered", { [first]: renamed }, "SEAL_BROKEN"],
      ["state", { [second]: { ...record(second), state: "paused" } }, "SEAL_BROKEN"],
      ["swapped", { [first]: record(second), [second]: record(first) }, "SEAL_CUT_OFF"],
      ["missing", { [second]: undefined }, "SEAL_CUT_OFF"],
      ["bare", { [second]: bare }, "SEAL_MISSING"],
    ];
    expect(third).toBeGreaterThan(0);
    for (const [id, changed, code] of cases) {
      const messages = stored.map((message, index) =>
        index in changed ? { ...message, log: changed[index] } : message,
      );
      const opened = await readWith(messages.filter((one) => "in" in one || one.log !== undefined) as never);
      expect({ id, code: opened }).toEqual({ id, code });
    }
    expect(await readWith(stored)).toBe("none");
    // Copied as it is to another place of the stream, it is refused as well.
    const name = { workflow: "orders", id: "five" };
    for (const { in: input, log } of stored) {
      if (input !== undefined) await journals().send(name, input, input.t === "start");
      else await journals().append(name, JSON.stringify(log), (await journals().last(name))?.seq ?? 0);
    }
    const shown = await run("show", "orders", "five", ...keys);
    expect([shown.code, shown.stderr]).toEqual([1, expect.stringMatching(/journal orders\/five/)]);
  }, 90_000);
});

/** The code by which the journal is refused to a user who has its label. */
async function readWith(messages: JournalMessage[]): Promise<string> {
  const { port, close } = createIdentitySealer({
    ...{ nats: world.connection, folder: place.folder, recipient: "user:ann" },
    onRefused: () => undefined,
  });
  try {
    await new SealedJournal(port as JournalSeals, undefined, { workflow: "orders", id: "one" }).openMessages(
      messages,
    );
    return "none";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    close();
  }
}
