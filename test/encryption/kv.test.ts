/** Sealed KV buckets through a whole narun: the node's key file, the directory in NATS, the bindings of functions. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { grantLabel, initKeys, type KeyPlace, revokeLabel, rotateLabel } from "../../keys/index.ts";
import { openByteKv } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { probe } from "../harness/probe.ts";
import { startWorld } from "../harness/world.ts";

const keysDir = await mkdtemp(join(tmpdir(), "narun-keys-"));
const world = await startWorld({ nodeArguments: ["--keys", keysDir] });
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(keysDir, { recursive: true });
});
const place: KeyPlace = { nats: world.connection, folder: { path: keysDir } };
await initKeys(place, { node: "node-0", validMs: undefined });

const bindings = [{ name: "VAULT", kv: "customers", seal: "payments" }];
const stored = openByteKv(world.connection, "customers");

async function run(name: string, body: string, config: object = { bindings }): Promise<unknown> {
  await world.push(name, probe(body), { ...config });
  const answer = await world.call(`/${name}`, { method: "POST" });
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  return JSON.parse(answer.text);
}
async function readOnly(key: string): Promise<unknown> {
  return JSON.parse((await world.call(`/shop?read=${key}`, { method: "POST" })).text);
}

const read = `return env.VAULT.get("42");`;

describe("a KV bucket with seal", () => {
  it("is refused at the push where the label is not granted", async () => {
    const pushing = () => world.push("shop", probe(read), { bindings });
    await expect(pushing()).rejects.toThrow(/LABEL_UNKNOWN|no such label/);
    await grantLabel(place, { label: "payments", recipient: "service:other" });
    await expect(pushing()).rejects.toThrow(/LABEL_NOT_GRANTED|not granted/);
  });

  it("has no value in clear, and its function does not notice", async () => {
    await grantLabel(place, { label: "payments", recipient: "service:shop" });
    const found = await run(
      "shop",
      `await env.VAULT.put("42", "secret-4111");
       await env.VAULT.put("json", { card: "secret-4112" });
       await env.VAULT.put("large", "secret-4113".repeat(40_000));
       return [await env.VAULT.get("42"), await env.VAULT.get("json", "json"), (await env.VAULT.get("large")).length,
         (await env.VAULT.list()).keys.length, await env.VAULT.get("absent")];`,
    );
    expect(found).toEqual(["secret-4111", { card: "secret-4112" }, 440_000, 3, null]);
    for (const key of ["42", "json", "large"]) {
      const { bytes } = (await stored.get(key)) ?? { bytes: new Uint8Array() };
      expect(Buffer.from(bytes).toString()).toMatch(/^eyJ[\w-]+(\.[\w-]+){4}$/);
    }
  });

  it("refuses a value that was moved, altered, or written in clear, each by its code", async () => {
    const { bytes } = (await stored.get("42")) ?? { bytes: new Uint8Array() };
    await stored.put("43", bytes);
    await stored.put(
      "44",
      Buffer.from(
        Buffer.from(bytes)
          .toString()
          .replace(/.$/, (last) => (last === "A" ? "Q" : "A")),
      ),
    );
    await stored.put("45", Buffer.from("in clear"));
    const found = await run(
      "shop",
      `const code = async (key) => { try { return await env.VAULT.get(key); } catch (error) { return error.name; } };
       return [await code("43"), await code("44"), await code("45")];`,
    );
    expect(found).toEqual(["SEAL_MOVED", "SEAL_BROKEN", "SEAL_MISSING"]);
  });

  it("reads what was sealed before a rotation, while it goes on writing", async () => {
    await world.push(
      "shop",
      probe(`const at = new URL(request.url).searchParams.get("at");
        const only = new URL(request.url).searchParams.get("read");
        if (only !== null) return env.VAULT.get(only);
        await env.VAULT.put("at-" + at, at);
        const all = [];
        for (let n = 0; n <= Number(at); n += 1) all.push(await env.VAULT.get("at-" + n));
        return all.every((value, n) => value === String(n)) ? all.length : all;`),
      { bindings },
    );
    const kids = new Set<string>();
    for (let at = 0; at < 30; at += 1) {
      if (at % 10 === 5) await rotateLabel(place, "payments");
      const answer = await world.call(`/shop?at=${at}`, { method: "POST" });
      expect(JSON.parse(answer.text)).toBe(at + 1);
      const { bytes } = (await stored.get(`at-${at}`)) ?? { bytes: new Uint8Array() };
      kids.add(Buffer.from(bytes).toString().split(".")[0] ?? "");
    }
    await eventually(async () => {
      await world.call("/shop?at=0", { method: "POST" });
      const { bytes } = (await stored.get("at-0")) ?? { bytes: new Uint8Array() };
      kids.add(Buffer.from(bytes).toString().split(".")[0] ?? "");
      expect(kids.size).toBeGreaterThan(1);
    });
  });

  it("is closed to new data of a function that the label was taken from, and its old data stays readable", async () => {
    await revokeLabel(place, { label: "payments", recipient: "service:shop" });
    await eventually(async () => {
      const { text } = await world.call("/shop?at=1", { method: "POST" });
      expect(JSON.parse(text).name).toBe("LABEL_NOT_GRANTED");
    });
    expect(await readOnly("at-3")).toBe("3");
  });
});
