/** Clients that are older than the service: a binding, `connect`, HTTP and NATS, beside a compatible and an incompatible version. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { service } from "../../functions/sdk/index.ts";
import { connect } from "../../runtime/serve/index.ts";
import { startWorld, type World } from "../harness/world.ts";

/** The types of the first version, which the clients keep. */
const first = service({ name: "rates", version: "1.0.0" })
  .action(
    "quote",
    { input: z.object({ amount: z.number() }), output: z.object({ total: z.number() }) },
    () => ({
      total: 0,
    }),
  )
  .action("list", { readOnly: true, output: z.array(z.string()) }, () => []);

const versionOf = (version: string, actions: string) => `
import { service } from "narun";
import { z } from "zod";
export default service({ name: "rates", version: "${version}" })${actions};`;
const FIRST = versionOf(
  "1.0.0",
  `.action("quote", { path: "rates/quote", input: z.object({ amount: z.number() }), output: z.object({ total: z.number() }) }, ({ amount }) => ({ total: amount }))
   .action("list", { readOnly: true, output: z.array(z.string()) }, () => ["chf"])`,
);
/** More keys, which older clients neither send nor read; and a further action. */
const COMPATIBLE = versionOf(
  "1.1.0",
  `.action("quote", { path: "rates/quote", input: z.object({ amount: z.number(), currency: z.string().default("chf") }),
      output: z.object({ total: z.number(), currency: z.string() }) }, ({ amount, currency }) => ({ total: amount * 2, currency }))
   .action("list", { readOnly: true, output: z.array(z.string()) }, () => ["chf", "eur"])
   .action("add", { input: z.object({ currency: z.string() }) }, () => 1)`,
);
/** A key that is required now, and an action that is gone. */
const INCOMPATIBLE = versionOf(
  "2.0.0",
  `.action("quote", { path: "rates/quote", input: z.object({ amount: z.number(), currency: z.string() }), output: z.object({ total: z.number() }) }, ({ amount }) => ({ total: amount }))`,
);
const CALLER = `export default { async fetch(request, env) {
  try { return Response.json(await env.RATES.quote({ amount: 5 })); }
  catch (error) { return Response.json({ code: error.code, status: error.status, issues: error.issues }); }
} };`;

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("rates", FIRST);
  await world.push("caller", CALLER, { bindings: [{ name: "RATES", service: "rates" }] });
}, 120_000);
afterAll(() => world[Symbol.asyncDispose]());

/** The answers of the same old call on each way. */
async function ask(): Promise<unknown[]> {
  await using client = await connect<typeof first>("rates", { nats: world.nats.url });
  const viaConnect = await client
    .quote({ amount: 5 })
    .catch(({ code, status, issues }) => ({ code, status, issues }));
  const body = JSON.stringify({ amount: 5 });
  const http = await Promise.all(
    ["/rates.quote", "/rates/quote", "/caller"].map((path) => world.call(path, { method: "POST", body })),
  );
  const nats = await world.connection.request("rates.quote", body, { timeoutMs: 30_000 });
  return [viaConnect, ...[...http.map(({ text }) => text), nats.text()].map((text) => JSON.parse(text))];
}

describe("an older client", () => {
  it("is answered by the version that it knows", async () => {
    expect(await ask()).toEqual(Array.from({ length: 5 }, () => ({ total: 5 })));
  });

  it("goes on with a compatible version", async () => {
    await world.push("rates", COMPATIBLE);
    for (const answer of await ask()) expect(answer).toMatchObject({ total: 10 });
    await using client = await connect<typeof first>("rates", { nats: world.nats.url });
    expect(await client.list()).toEqual(["chf", "eur"]);
  });

  it("gets a code that names the field from an incompatible one", async () => {
    await world.push("rates", INCOMPATIBLE);
    for (const answer of await ask())
      expect(answer).toMatchObject({ code: "INVALID_INPUT", status: 422, issues: [{ path: "currency" }] });
    await using client = await connect<typeof first>("rates", { nats: world.nats.url });
    await expect(client.list()).rejects.toMatchObject({ code: "NO_SUCH_ACTION", status: 404 });
  });
});
