/** Sealed object stores and publishers through a whole narun, in isolates and in Node. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createNodeKeys, createSealer, grantLabel, initKeys, type Sealer } from "../../keys/index.ts";
import { openByteObjects } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { probe } from "../harness/probe.ts";
import { startWorld } from "../harness/world.ts";

const keysDir = await mkdtemp(join(tmpdir(), "narun-keys-"));
const world = await startWorld({ nodeArguments: ["--keys", keysDir] });
const folder = { path: keysDir };
await initKeys({ nats: world.connection, folder }, { node: "node-0", validMs: undefined });
for (const name of ["shop", "threads", "reader"])
  await grantLabel({ nats: world.connection, folder }, { label: "payments", recipient: `service:${name}` });
const keys = createNodeKeys({ nats: world.connection, folder, onRefused: () => undefined });
afterAll(async () => {
  keys.close();
  await world[Symbol.asyncDispose]();
  await rm(keysDir, { recursive: true });
});
/** Another service that has the label. */
const reader: Sealer = createSealer({
  current: (label) => keys.current("reader", label),
  byId: (kid) => keys.byId("reader", kid),
});

const bindings = [
  { name: "FILES", objects: "statements", seal: "payments" },
  { name: "EVENTS", publish: ["payments.>"], seal: "payments" },
];
async function run(body: string, name = "shop", config: object = {}): Promise<unknown> {
  await world.push(name, probe(body), { bindings, ...config });
  const answer = await world.call(`/${name}`, { method: "POST" });
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  return JSON.parse(answer.text);
}
const codes = `const code = async (name) => {
  try { return (await (await env.FILES.get(name)).text()).length; } catch (error) { return error.name + error.message; }
};`;

describe("a sealed object", () => {
  it("is refused where it was cut off, reordered, moved or written in clear", async () => {
    expect(
      await run(`await env.FILES.put("a", "x".repeat(100_000)); await env.FILES.put("b", "y".repeat(300_000));
        ${codes} return [await code("a"), await code("b")];`),
    ).toEqual([100_000, 300_000]);
    const store = openByteObjects(world.connection, "statements");
    const linesOf = async (name: string) => {
      const facts = await store.info(name);
      const chunks = (await store.read(name, facts?.version ?? "")) ?? [];
      return Buffer.concat(await Array.fromAsync(chunks))
        .toString()
        .trim()
        .split("\n");
    };
    const put = async (name: string, lines: readonly string[]) => {
      async function* body() {
        yield Buffer.from(lines.join("\n"));
      }
      await store.put(name, body());
    };
    const [small, large] = [await linesOf("a"), await linesOf("b")];
    expect([small.length, large.length]).toEqual([2, 5]);
    await put("moved", small);
    await put("clear", ["in clear"]);
    await put("a", small.slice(0, 1));
    await put("b", [large[0] ?? "", large[2] ?? "", large[1] ?? "", ...large.slice(3)]);
    const found = await run(
      `${codes} return [await code("moved"), await code("clear"), await code("a"), await code("b")];`,
    );
    expect(found).toEqual([
      expect.stringContaining("SEAL_MOVED"),
      expect.stringContaining("SEAL_MISSING"),
      expect.stringContaining("SEAL_CUT_OFF"),
      expect.stringContaining("SEAL_CUT_OFF"),
    ]);
  });
});

describe("a sealed message", () => {
  it("opens at a recipient, on its own subject, in the order in which it was sent", async () => {
    const heard: [string, Uint8Array][] = [];
    world.connection.subscribe("payments.>", ({ subject, data }) => void heard.push([subject, data.slice()]));
    await world.connection.flush();
    const sends = `for (let n = 0; n < 50; n += 1) void env.EVENTS.publish("payments.done", String(n));
      await env.EVENTS.publish("payments.done", "last");
      return env.EVENTS.request("payments.done", "x").catch((error) => error.name);`;
    expect(await run(sends)).toBe("NotSupportedError");
    await eventually(() => expect(heard).toHaveLength(51));
    const texts = await Promise.all(
      heard.map(async ([subject, data]) =>
        Buffer.from(await reader.open("payments", data, ["subject", subject])).toString(),
      ),
    );
    expect(texts).toEqual([...Array.from({ length: 50 }, (_, n) => String(n)), "last"]);
    const [first] = heard;
    if (first === undefined) throw new Error("no message");
    await expect(reader.open("payments", first[1], ["subject", "payments.refund"])).rejects.toMatchObject({
      code: "SEAL_MOVED",
    });
  });
});

it("is the same in Node", async () => {
  const found = await run(
    `await env.FILES.put("node", "z".repeat(200_000)); const object = await env.FILES.get("node");
     return [object.size, (await object.text()).length];`,
    "threads",
    { mode: "node" },
  );
  expect(found).toEqual([200_000, 200_000]);
  const facts = await openByteObjects(world.connection, "statements").info("node");
  expect(facts?.size).toBeGreaterThan(250_000);
});
