/** A revision that would leave in clear what the live one seals, through a whole narun. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pushBuild, rollback } from "../../control/index.ts";
import { grantLabel, initKeys } from "../../keys/index.ts";
import { buildSource } from "../harness/function-source.ts";
import { startWorld, type World } from "../harness/world.ts";

let world: World;
let keysDir: string;

beforeAll(async () => {
  keysDir = await mkdtemp(join(tmpdir(), "narun-keys-"));
  world = await startWorld({ nodeArguments: ["--keys", keysDir] });
  const place = { nats: world.connection, folder: { path: keysDir } };
  await initKeys(place, { node: "node-0", validMs: undefined });
  await grantLabel(place, { label: "payments", recipient: "service:orders" });
}, 90_000);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(keysDir, { recursive: true });
});

const codeOf = (options: string) => `import { service } from "narun";
export default service({ name: "orders", version: "1.0.0" })
  .action("pay", { ${options} }, () => 1)
  .action("list", {}, () => 2);`;
const SEALED = { bindings: [{ name: "CARDS", kv: "cards", seal: "payments" }] };
const CLEAR = { bindings: [{ name: "CARDS", kv: "cards" }] };
/** The status of a call in clear: 400 where it has to be sealed. */
const callInClear = async () => (await world.call("/orders.pay", { method: "POST", body: "{}" })).status;

it("is refused by name, and nothing changes; allowed on purpose it is told", async () => {
  await world.push("orders", codeOf('encrypt: "payments"'), SEALED);
  await expect(world.push("orders", codeOf(""), SEALED)).rejects.toMatchObject({
    code: "CLEAR_REFUSED",
    message: expect.stringContaining("orders: the action pay (sealed for payments)"),
  });
  await expect(world.push("orders", codeOf('encrypt: "payments"'), CLEAR)).rejects.toMatchObject({
    code: "CLEAR_REFUSED",
    fields: { cleared: [{ place: "the binding CARDS", label: "payments" }] },
  });
  expect(await callInClear()).toBe(400);
  const build = await buildSource("orders", codeOf(""), CLEAR);
  expect(await pushBuild(world.connection, build, { allowClear: true })).toMatchObject({
    cleared: [{ place: "the action pay" }, { place: "the binding CARDS" }],
  });
  expect(await callInClear()).toBe(200);
  // The way back to sealed is free, and so is a further revision in clear.
  expect(await rollback(world.connection, "orders")).not.toHaveProperty("cleared");
  expect(await callInClear()).toBe(400);
  await expect(rollback(world.connection, "orders", build.revision)).rejects.toMatchObject({
    code: "CLEAR_REFUSED",
  });
  expect(await rollback(world.connection, "orders", build.revision, { allowClear: true })).toMatchObject({
    cleared: [{ label: "payments" }, { label: "payments" }],
  });
}, 90_000);
