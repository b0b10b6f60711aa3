/** Callers outside of narun: `connect` in this very process, and the types of deployed services. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { loadFunction, writeEnvTypes } from "../../builder/index.ts";
import { findInterfaces } from "../../control/index.ts";
import { ActionError, service } from "../../functions/sdk/index.ts";
import { connect } from "../../runtime/serve/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

/** The same as in `SOURCE`, for its types. */
const orders = service({
  name: "orders",
  version: "2.1.0",
  errors: { OrderNotFound: { status: 404, data: z.object({ id: z.string() }) } },
})
  .action(
    "get",
    { readOnly: true, input: z.object({ id: z.string() }), output: z.object({ id: z.string() }) },
    async ({ id }, ctx) => {
      if (id === "none") throw ctx.error("OrderNotFound", { id });
      return { id };
    },
  )
  .action(
    "echo",
    { input: z.object({ text: z.string() }), output: z.object({ text: z.string() }) },
    (input) => input,
  );

const SOURCE = `
import { service } from "narun";
import { z } from "zod";
export default service({
  name: "orders",
  version: "2.1.0",
  errors: { OrderNotFound: { status: 404, data: z.object({ id: z.string() }) } },
})
  .action("get", { readOnly: true, description: "One */ order.", input: z.object({ id: z.string() }), output: z.object({ id: z.string() }) },
    async ({ id }, ctx) => {
      if (id === "none") throw ctx.error("OrderNotFound", { id });
      return { id };
    })
  .action("echo", { input: z.object({ text: z.string() }), output: z.object({ text: z.string() }) }, (input) => input)
  .action("list", { readOnly: true, input: z.object({ state: z.enum(["open", "paid"]), page: z.int().optional() }),
    output: z.array(z.object({ id: z.string(), note: z.union([z.string(), z.null()]), at: z.tuple([z.number(), z.number()]) })) }, () => []);
`;

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("orders", SOURCE);
});
afterAll(async () => world[Symbol.asyncDispose]());

describe("connect", () => {
  it("calls a service that sleeps, with its types and its errors", async () => {
    await using client = await connect<typeof orders>("orders", { nats: world.nats.url });
    const { id }: { id: string } = await client.get({ id: "7" });
    expect(id).toBe("7");
    const failure = await client.get({ id: "none" }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ActionError);
    expect(failure).toMatchObject({ name: "OrderNotFound", data: { id: "none" } });
    // @ts-expect-error: its input is a text.
    await expect(client.get({ id: 7 })).rejects.toMatchObject({ code: "INVALID_INPUT", status: 422 });
    // @ts-expect-error: it has no such action.
    await expect(client.nothing()).rejects.toMatchObject({ code: "NO_SUCH_ACTION" });
    await expect(client.get({ id: "7" }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(await client.get({ id: "7" }, { hedge: 0 })).toEqual({ id: "7" });
  });

  it("takes inputs and outputs that no message can carry", async () => {
    await using client = await connect<typeof orders>("orders", { nats: world.nats.url });
    const text = "x".repeat(3_000_000);
    expect((await client.echo({ text })).text.length).toBe(text.length);
  });

  it("refuses a name that no service can have", async () => {
    await expect(connect("or ders", { nats: world.nats.url })).rejects.toThrow(TypeError);
  });
});

describe("narun types", () => {
  it("declares the actions of a bound service as it is deployed", async () => {
    const parent = await mkdtemp(join(tmpdir(), "narun-types-"));
    try {
      const dir = join(parent, "shop");
      await mkdir(dir);
      await writeFile(join(dir, "index.ts"), USES);
      const config = {
        name: "shop",
        bindings: [
          { name: "ORDERS", service: "orders" },
          { name: "OTHER", service: "other" },
        ],
      };
      await writeFile(join(dir, "narun.yaml"), JSON.stringify(config));
      const loaded = await loadFunction(dir);
      const interfaces = await eventually(async () => {
        const found = await findInterfaces(world.connection);
        expect([...found.keys()]).toEqual(["orders"]);
        return found;
      });
      await writeEnvTypes(loaded, { interfaces });
      expect(await readFile(join(dir, "narun-env.d.ts"), "utf8")).toContain(
        "ORDERS: ServiceClient<OrdersActions>",
      );
      expect(await compile(dir)).toBe("");
    } finally {
      await rm(parent, { recursive: true, force: true });
    }
  });
});

const USES = `
import type { Env } from "./narun-env.d.ts";
export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const order = await env.ORDERS.get({ id: "1" }, { hedge: 20 });
    const id: string = order.id;
    const rows = await env.ORDERS.list({ state: "open" });
    const note: string | null | undefined = rows[0]?.note;
    const at: [number, number] | undefined = rows[0]?.at;
    // @ts-expect-error: there is no such state.
    await env.ORDERS.list({ state: "lost" });
    // @ts-expect-error: its input is needed.
    await env.ORDERS.get();
    // @ts-expect-error: the service is not deployed, and has \`fetch\` alone.
    await env.OTHER.get({});
    const plain: Response = await env.ORDERS.fetch("/orders.get?id=1");
    return Response.json({ id, note, at, status: plain.status });
  },
};
`;

/** The compiler's faults. */
async function compile(dir: string): Promise<string> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const compilerOptions = {
    ...{ strict: true, noEmit: true, target: "es2024", module: "nodenext", moduleResolution: "nodenext" },
    ...{
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      types: [],
      lib: ["es2024", "dom", "dom.iterable", "esnext"],
    },
    paths: { narun: [join(root, "functions/sdk/index.ts")] },
  };
  await writeFile(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["index.ts"] }));
  await writeFile(join(dir, "package.json"), '{"type":"module"}');
  const run = promisify(execFile)(join(root, "node_modules/.bin/tsc"), ["-p", dir]);
  return run.then(
    () => "",
    ({ stdout }: { stdout: string }) =>
      stdout
        .split("\n")
        .filter((line) => line.includes("index.ts") || line.includes("narun-env"))
        .join("\n"),
  );
}
