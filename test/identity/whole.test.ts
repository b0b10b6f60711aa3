/** All of narun with users of least rights: everything works, and no server ever refuses a subject. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { type ClosedWorld, startClosedWorld } from "./closed-world.ts";

const FILES = {
  "functions/hello/index.ts": `export default async (request, env) => {
  console.log("hello was called");
  await env.THINGS.put("a", "kept");
  await env.PICTURES.put("p", "painted");
  env.NEWS.publish("news.today", "it works");
  await env.STOCK.publish("stock.sold", 3, { retain: true });
  const body = await (await env.OTHER.fetch("http://other/other", { method: "POST", body: "x".repeat(300000) })).text();
  const keys = (await env.THINGS.list()).keys.length;
  return Response.json({
    thing: await env.THINGS.get("a"), picture: await (await env.PICTURES.get("p")).text(), keys, other: body.length, secret: env.KEY,
    sold: (await env.STOCK.last("stock.sold")).value,
  });
};\n`,
  "functions/hello/narun.yaml": `env:
  - name: KEY
    valueFromSecret: key
bindings:
  - { name: THINGS, kv: things }
  - { name: PICTURES, objects: pictures }
  - { name: NEWS, publish: ["news.>"] }
  - { name: OTHER, service: other }
  - { name: STOCK, events: ["stock.>"] }
`,
  "start/other/index.ts": "export default async (request) => new Response(await request.text());\n",
  "start/noded/index.ts":
    "import { sep } from 'node:path';\nexport default () => new Response('node ' + sep);\n",
  "start/noded/narun.yaml": "mode: node\n",
  "start/report/index.ts": "export default { scheduled: () => ({ printed: 3 }) };\n",
  "start/report/narun.yaml": 'routes: []\nschedule:\n  - name: nightly\n    cron: "@yearly"\n',
  "start/orders/index.ts": `import { workflow } from "narun";
export default workflow(async (ctx, order) => [await ctx.step("charge", () => "paid " + order.item), await ctx.waitFor("approved")]);\n`,
  "start/orders/narun.yaml": "workflow: true\n",
};

let world: ClosedWorld;
beforeAll(async () => {
  world = await startClosedWorld(FILES, "start", "--log-level", "info");
});
afterAll(() => world?.[Symbol.asyncDispose]());

async function run(role: "author" | "cli", ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await world.narun(role, args);
  expect({ args, code, stderr }, `${stderr}\n${world.up.stderr}`).toMatchObject({ code: 0 });
  return stdout;
}

it("pushes, calls, keeps values, runs schedules, workflows and accepted calls, and tells of them", async () => {
  const { up, http, folder } = world;
  const set = await world.narun(
    "author",
    ["secret", "set", "key", "--data-dir", folder.path("data")],
    "s3cret",
  );
  expect(set).toMatchObject({ code: 0 });
  await run("author", "push", "functions/hello");
  const answer = await fetch(`${http}/hello`);
  expect(await answer.json(), await run("author", "logs", "hello")).toEqual({
    ...{ thing: "kept", picture: "painted", keys: 1, other: 300_000, secret: "s3cret", sold: 3 },
  });
  expect(await (await fetch(`${http}/noded`)).text()).toBe("node /");
  expect(await run("author", "invoke", "other", "--data", "hi")).toContain("hi");
  await eventually(async () => expect(await run("author", "logs", "hello")).toContain("hello was called"));
  expect(await run("author", "ls")).toContain("hello");
  expect(await run("author", "ps")).toContain("hello");
  expect(await run("author", "nodes")).toContain("running");
  expect(await run("author", "revisions", "hello")).toContain("live");

  const accepted = await fetch(`${http}/other`, {
    ...{ method: "POST", body: "later", headers: { prefer: "respond-async, wait=20" } },
  });
  expect(await accepted.text()).toBe("later");
  expect(await run("cli", "schedule", "run", "report", "nightly")).toContain("printed");
  await run("cli", "workflow", "start", "orders", "o1", "--data", '{"item":"book"}');
  await run("cli", "workflow", "signal", "orders", "o1", "approved", "--data", "true");
  expect(await run("cli", "workflow", "result", "orders", "o1", "--wait", "20s")).toBe(
    '["paid book",true]\n',
  );
  await run("cli", "rm", "other");
  // An error names a subject that authors may not use.
  const refused = await world.narun("author", ["workflow", "ls", "orders"]);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("this login may not publish to"),
  });
  // The author's own, and nothing else.
  const refusals = up.stderr.split("\n").filter((line) => line.includes("NATS_PERMISSIONS_VIOLATION"));
  expect(refusals).toEqual([]);
}, 150_000);
