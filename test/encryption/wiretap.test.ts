/** Connections to NATS and files of the server have no mark of sealed values, in any byte. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, inject, it } from "vitest";
import { grantLabel, initKeys, rotateLabel } from "../../keys/index.ts";
import { startNatsServer } from "../../nats-server/index.ts";
import { eventually } from "../harness/eventually.ts";
import { probe } from "../harness/probe.ts";
import { startRecordingProxy } from "../harness/recording-proxy.ts";
import { startWorld, type World } from "../harness/world.ts";

/** Begins every secret. Base64 has three forms of a text, by the place at which it begins. */
const MARK = "Marked!Secret-";

function formsOf(mark: string): string[] {
  const coded = [0, 1, 2].map((shift) =>
    Buffer.from(" ".repeat(shift) + mark)
      .toString("base64")
      // The characters that the neighbours have a share in.
      .slice(shift === 0 ? 0 : 4, -4),
  );
  const hex = Buffer.from(mark).toString("hex");
  return [mark, mark.split("").reverse().join(""), hex, hex.toUpperCase(), ...coded];
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

function marksIn(bytes: Buffer, forms = formsOf(MARK)): string[] {
  return forms.filter((form) => bytes.includes(form));
}

const BODY = `
  const { VAULT, FILES, EVENTS } = env;
  const mark = ["Marked", "Secret-"].join("!");
  await VAULT.put("card", mark + "4111");
  await VAULT.put("json", { card: mark + "4112" });
  await VAULT.create("bytes", new TextEncoder().encode(mark.repeat(20_000)));
  await FILES.put("small", mark + "in an object", { metadata: { kind: "statement" } });
  await FILES.put("large", new Response(mark.repeat(50_000)).body);
  for (let n = 0; n < 20; n += 1) void EVENTS.publish("payments.done", mark + n);
  await EVENTS.publish("payments.done", mark + "last");
  console.log("paid", { card: mark + "4117" });
  console.error(new Error(mark + "stack"));
  const large = await FILES.get("large");
  const seen = [];
  for await (const change of VAULT.watch({ prefix: "card" })) { seen.push(change.text()); break; }
  // The answer has nothing of the values: it may go over NATS.
  return [
    await VAULT.get("card") === mark + "4111", (await VAULT.get("json", "json")).card === mark + "4112",
    await VAULT.get("bytes") === mark.repeat(20_000), await (await FILES.get("small")).text() === mark + "in an object",
    await large.text() === mark.repeat(50_000), large.size, (await FILES.head("large")).size,
    (await FILES.list()).objects.map(({ size }) => size), seen[0] === mark + "4111",
  ];`;

/** A service with a sealed action, events and handlers of them; a workflow; and their caller. */
const ORDERS = (encrypt: string) => `
import { service } from "narun";
export default service({ name: "NAME", version: "1.0.0", errors: { Refused: { status: 402 } } })
  .action("pay", {${encrypt}}, async ({ card, refuse }, ctx) => {
    if (refuse) throw ctx.error("Refused", { card });
    await ctx.publish("NAME.paid", { card }, {${encrypt} retain: true});
    return { receipt: card.repeat(8_000) };
  })
  .on("NAME.>", { durable: true, since: "all",${encrypt} }, ({ value }, { env }) => env.TAKEN.put("card", value.card));
`;
const WORK = `
import { workflow } from "narun";
const mark = ["Marked", "Secret-"].join("!");
export default workflow(async (ctx, input) => {
  const card = await ctx.step("read", () => input.card + "step");
  const failure = await ctx.step("fail", { retry: { max: 1 } }, () => { throw new Error(mark + "fault"); }).catch((error) => error.message);
  const paid = await ctx.waitFor("paid", { timeout: "1h" });
  if (!failure.includes(mark)) throw new Error("it has no mark");
  return { card, paid };
});`;
const CALLS = `
  const { ORDERS, WORK, TAKEN } = env;
  const mark = ["Marked", "Secret-"].join("!");
  const { receipt } = await ORDERS.pay({ card: mark + "4113" });
  const refused = await ORDERS.pay({ card: mark + "4114", refuse: true }).catch((error) => error.data.card);
  let heard = null;
  for (let at = 0; at < 100 && heard === null; at += 1) {
    heard = await TAKEN.get("card");
    if (heard === null) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await WORK.start("one", { card: mark + "4115" });
  await WORK.signal("one", "paid", mark + "4116");
  const { card, paid } = await WORK.result("one", { waitMs: 20_000 });
  return [receipt.length, heard === mark + "4113", refused === mark + "4114", card === mark + "4115step", paid === mark + "4116"];`;

/** Calls between services, events and workflows. Without a label: all in clear. */
async function runServices(world: World, seal: string | undefined): Promise<unknown> {
  const [orders, work, caller] = ["orders", "work", "caller"].map(
    (name) => `${seal === undefined ? "clear" : "sealed"}-${name}`,
  ) as [string, string, string];
  const sealed = seal === undefined ? {} : { seal };
  const encrypt = seal === undefined ? "" : ` encrypt: "${seal}",`;
  const taken = { name: "TAKEN", kv: `${orders}-taken`, ...sealed };
  await world.push(orders, ORDERS(encrypt).replaceAll("NAME", orders), { bindings: [taken] });
  await world.push(work, WORK, { workflow: seal === undefined ? true : { seal } });
  await world.push(caller, probe(CALLS), {
    bindings: [
      { name: "ORDERS", service: orders, ...sealed },
      { name: "WORK", workflow: work, ...sealed },
      taken,
    ],
  });
  return JSON.parse((await world.call(`/${caller}`, { method: "POST" })).text);
}

async function runScenario(world: World, seal: string | undefined): Promise<unknown> {
  const name = seal === undefined ? "clear" : "sealed";
  const sealed = seal === undefined ? {} : { seal };
  await world.push(name, probe(BODY), {
    ...(seal === undefined ? {} : { logs: { seal } }),
    bindings: [
      { name: "VAULT", kv: `${name}-vault`, ...sealed },
      { name: "FILES", objects: `${name}-files`, ...sealed },
      { name: "EVENTS", publish: ["payments.>"], ...sealed },
    ],
  });
  const { text } = await world.call(`/${name}`, { method: "POST" });
  // Lines of the log leave behind the answer.
  await eventually(async () => expect(await world.logs(name)).toHaveLength(2), { timeoutMs: 20_000 });
  return JSON.parse(text);
}

it("shows nothing of sealed values, while the same in clear is seen at every place", async () => {
  const [dataDir, keysDir] = await Promise.all(
    ["nats", "keys"].map((part) => mkdtemp(join(tmpdir(), `narun-tap-${part}-`))),
  );
  if (dataDir === undefined || keysDir === undefined) throw new Error("no folders");
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => {
    for (const folder of [dataDir, keysDir]) await rm(folder, { recursive: true });
  });
  const server = await startNatsServer({
    binary: inject("natsServer"),
    dataDir,
    log: pino({ level: "silent" }),
  });
  stack.defer(() => server.close());
  const proxy = stack.use(await startRecordingProxy(Number(new URL(server.url).port)));
  const world = stack.use(await startWorld({ natsUrl: proxy.url, nodeArguments: ["--keys", keysDir] }));
  const place = { nats: world.connection, folder: { path: keysDir } };
  await initKeys(place, { node: "node-0", validMs: undefined });
  await grantLabel(place, { label: "payments", recipient: "service:sealed" });
  for (const part of ["orders", "work", "caller"])
    await grantLabel(place, { label: "payments", recipient: `service:sealed-${part}` });
  await rotateLabel(place, "payments");
  // A subscriber that is none of the recipients.
  const heard: Buffer[] = [];
  world.connection.subscribe("payments.>", (message) => void heard.push(Buffer.from(message.data)));
  await world.connection.flush();

  const results = await runScenario(world, "payments");
  const calls = [8_000 * `${MARK}4113`.length, true, true, true, true];
  expect(await runServices(world, "payments")).toEqual(calls);
  const total = 50_000 * MARK.length;
  const sizes = [`${MARK}in an object`.length, total];
  expect(results).toEqual([true, true, true, true, true, total, total, sizes, true]);
  expect(proxy.connections).toBeGreaterThanOrEqual(4);
  const files = await filesBelow(dataDir);
  expect(files.length).toBeGreaterThan(10);
  for (const bytes of proxy.recorded()) expect(marksIn(bytes)).toEqual([]);
  for (const file of files)
    expect({ file, marks: marksIn(await readFile(file)) }).toEqual({ file, marks: [] });
  expect(heard).toHaveLength(21);
  // Private keys do not leave their files, nor do the keys of labels.
  const keyFiles = (await readdir(keysDir)).filter((file) => file.endsWith(".json"));
  const secrets = (await Promise.all(keyFiles.map((file) => readFile(join(keysDir, file), "utf8")))).flatMap(
    (text) => [...text.matchAll(/"d":"([\w-]+)"/g)].map(([, d = ""]) => d),
  );
  expect(secrets).toHaveLength(3);
  const places = [...proxy.recorded(), ...(await Promise.all(files.map((file) => readFile(file))))];
  for (const secret of secrets) for (const bytes of places) expect(marksIn(bytes, [secret])).toEqual([]);

  // Calls, events and journals in clear alone are found, too.
  expect(await runServices(world, undefined)).toEqual(calls);
  // Instances of one process call each other without NATS, so the test itself asks for a refusal, too.
  const refusal = JSON.stringify({ card: `${MARK}4114`, refuse: true });
  const refused = await world.connection.request("clear-orders.pay", refusal, { timeoutMs: 20_000 });
  expect(refused.text()).toContain(`${MARK}4114`);
  expect(proxy.recorded().some((bytes) => marksIn(bytes).includes(MARK))).toBe(true);
  for (const secret of ["4113", "4114", "4115", "4116", "fault"])
    expect(
      [secret, proxy.recorded().some((bytes) => marksIn(bytes, [MARK + secret]).length > 0)],
      secret,
    ).toEqual([secret, true]);

  // Without seal the search finds the marks, on the wire and in the files.
  expect(await runScenario(world, undefined)).toEqual(results);
  for (const logged of ["4117", "stack"])
    expect([logged, proxy.recorded().some((bytes) => marksIn(bytes, [MARK + logged]).length > 0)]).toEqual([
      logged,
      true,
    ]);
  const stored = await Promise.all(
    (await filesBelow(dataDir)).map(async (file) => marksIn(await readFile(file))),
  );
  expect(stored.flat()).toContain(MARK);
  await writeFile(join(dataDir, "form"), Buffer.from(`x${MARK}`).toString("base64"));
  expect(marksIn(await readFile(join(dataDir, "form")))).not.toEqual([]);
}, 240_000);
