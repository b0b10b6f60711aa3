/** Rows with sealed fields, in a KV bucket that several functions read. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { encrypted } from "../../functions/sdk/index.ts";
import { grantLabel, initKeys } from "../../keys/index.ts";
import { openByteKv } from "../../nats/index.ts";
import { startWorld, type World } from "../harness/world.ts";

const code = `
import { encrypted, rows } from "narun";
import { z } from "zod";
const customers = rows("customers", {
  name: z.string(),
  card: encrypted(z.string(), "payments"),
  address: encrypted(z.object({ street: z.string() }).optional(), "support"),
});
export default {
  async fetch(request, env) {
    const { put, get, told } = await request.json();
    try {
      if (put) await env.ROWS.put(put.key, await customers.seal(env, put.key, put.row));
      return Response.json(get ? await customers.open(env, get, await env.ROWS.get(get, "json")) : "stored");
    } catch (error) {
      return Response.json(told ? error.message : error.name);
    }
  },
};`;
const bindings = [{ name: "ROWS", kv: "customers" }];
const row = { name: "Ann", card: "secret-4111", address: { street: "secret-street" } };

let world: World;
let keysDir: string;
beforeAll(async () => {
  keysDir = await mkdtemp(join(tmpdir(), "narun-keys-"));
  world = await startWorld({ nodeArguments: ["--keys", keysDir] });
  const place = { nats: world.connection, folder: { path: keysDir } };
  await initKeys(place, { node: "node-0", validMs: undefined });
  for (const [label, recipients] of Object.entries({ payments: ["shop", "till"], support: ["shop", "desk"] }))
    for (const name of recipients) await grantLabel(place, { label, recipient: `service:${name}` });
  await world.push("shop", code, { bindings, labels: ["payments", "support"] });
  await world.push("till", code, { bindings, labels: ["payments"] });
  await world.push("desk", code, { bindings, labels: ["support"] });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(keysDir, { recursive: true });
});

const ask = async (name: string, content: object) =>
  JSON.parse((await world.call(`/${name}`, { method: "POST", body: JSON.stringify(content) })).text);

it("are stored with parts that only some can read", async () => {
  expect(await ask("shop", { put: { key: "42", row } })).toBe("stored");
  expect(await ask("shop", { put: { key: "43", row: { name: "Bob", card: "secret-4112" } } })).toBe("stored");
  const bucket = await openByteKv(world.connection, "customers");
  const stored = JSON.parse(Buffer.from((await bucket.get("42"))?.bytes ?? []).toString());
  expect(stored).toEqual({
    name: "Ann",
    card: expect.stringMatching(/^eyJ/),
    address: expect.stringMatching(/^eyJ/),
  });
  expect(await ask("shop", { get: "42" })).toEqual({ row, closed: [] });
  expect(await ask("till", { get: "42" })).toEqual({
    row: { name: "Ann", card: row.card },
    closed: ["address"],
  });
  expect(await ask("desk", { get: "42" })).toEqual({
    row: { name: "Ann", address: row.address },
    closed: ["card"],
  });
  expect(await ask("shop", { get: "43" })).toEqual({ row: { name: "Bob", card: "secret-4112" }, closed: [] });
  // A row cannot be written by a function without one of its labels.
  expect(await ask("till", { put: { key: "44", row } })).toBe("LABEL_NOT_GRANTED");
  expect(await bucket.get("44")).toBeUndefined();
  expect(await ask("till", { put: { key: "44", row }, told: true })).toMatch(
    /^LABEL_NOT_GRANTED: .*till does not name support: `labels: \[support\]` in its narun\.yaml/,
  );
  expect(await ask("shop", { put: { key: "44", row: { name: "Eve", card: 5 } } })).toBe("TypeError");

  const other = JSON.parse(Buffer.from((await bucket.get("43"))?.bytes ?? []).toString());
  for (const [changed, code] of [
    [{ ...stored, card: stored.address, address: stored.card }, "SEAL_MOVED"],
    [{ ...stored, card: other.card }, "SEAL_MOVED"],
    [{ ...stored, card: stored.card.slice(0, -4) }, "SEAL_BROKEN"],
    [{ ...stored, card: "secret-4111" }, "SEAL_MISSING"],
  ]) {
    await bucket.put("42", Buffer.from(JSON.stringify(changed)));
    expect(await ask("shop", { get: "42" })).toBe(code);
  }
}, 60_000);

it("show the label of a field in its JSON Schema", () => {
  const card = encrypted(z.string(), "payments");
  const { jsonSchema } = card["~standard"];
  expect(jsonSchema?.input({ target: "draft-2020-12" })).toEqual({
    type: "string",
    "x-narun-encrypt": "payments",
  });
  expect(() => encrypted(z.string(), "Not a label")).toThrow(TypeError);
});
