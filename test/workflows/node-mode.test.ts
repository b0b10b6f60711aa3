/** Workflows in the mode `node`, and their calls of functions in that mode, while the processes of both die. */
import { afterAll, expect, it } from "vitest";
import { showWorkflow } from "../../control/index.ts";
import { Journals, openByteKv, toMessage } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type HeldServer, startHeldServer } from "../harness/held-server.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const WAIT = { timeoutMs: 30_000 };

/** The key of each request of a call, in order, by the call's path. */
const asked = new Map<string, string[]>();
world.connection.subscribe("test.asked", (message) => {
  const [path = "", key = ""] = JSON.parse(message.text()) as string[];
  asked.set(path, [...(asked.get(path) ?? []), key]);
});

const post = (body: unknown): RequestInit => ({
  method: "POST",
  body: JSON.stringify(body),
  headers: { "content-type": "application/json" },
});

/** Pushes a workflow that makes one call, and the function that it calls. Both are named by `name`. */
async function pushPair(name: string, callee: string, config: Record<string, unknown> = {}): Promise<void> {
  await world.push(
    `${name}-callee`,
    `const tell = (env, request) => env.TEST.publish("test.asked", JSON.stringify([new URL(request.url).pathname, request.headers.get("idempotency-key")]));
     ${callee}`,
    {
      ...{ mode: "node", bindings: [{ name: "TEST", publish: ["test.>"] }] },
      ...config,
    },
  );
  await world.push(
    name,
    `import { workflow } from "narun";
     const retry = { max: 20, backoff: "constant", delay: 200 };
     export default workflow(async (ctx, input, env) => [await ctx.call(env.CALLEE, input.path, { json: input, retry })]);`,
    { mode: "node", workflow: true, bindings: [{ name: "CALLEE", service: `${name}-callee` }] },
  );
}

const resultOf = async (name: string, id: string) => (await world.call(`/${name}/${id}/result?wait=60`)).text;

/** The results of commands in a journal. */
async function resultsIn(workflow: string, id: string) {
  const entries = (await new Journals(world.connection).read({ workflow, id })).map(toMessage);
  return entries.flatMap(({ log }) => log?.got ?? []).filter(([, fate]) => fate === "ok");
}

/** Answers when the held server does. */
const heldCallee = ({ config }: HeldServer) => `
  export default async (request, env) => {
    tell(env, request);
    await (await fetch("http://${config.egress[0]}/")).text();
    return Response.json(new URL(request.url).pathname);
  };`;

it.each([
  ["the called process dies", "dies-callee", "dies-callee-callee"],
  ["the process of the workflow dies", "dies", "dies"],
])(
  "makes a call again with its key, and keeps one result, when %s",
  async (_, name, victim) => {
    await using held = await startHeldServer();
    await pushPair(name, heldCallee(held), held.config);
    await world.call(`/${name}/one`, post({ path: `/${name}` }));
    await eventually(() => expect(held.waiting).toHaveLength(1), WAIT);
    process.kill(await world.hostPid(victim), "SIGKILL");
    await eventually(() => expect(held.waiting).toHaveLength(2), WAIT);
    held.open();
    expect(await resultOf(name, "one")).toBe(`["/${name}"]`);
    const key = `${name}/one/0/0`;
    expect(asked.get(`/${name}`)).toEqual([key, key]);
    expect(await resultsIn(name, "one")).toHaveLength(1);
  },
  90_000,
);

it("begins a call once whose first attempts no handler began", async () => {
  const name = "unbegun";
  // A request that is over can publish nothing: the instance itself counts.
  const callee = `
    let begun = 0;
    export default async (request, env) => {
      if (!request.url.endsWith("/loop")) return Response.json(request.url.endsWith("/called") ? ++begun : "warm");
      await env.SEEN.put("loop", "");
      const until = Date.now() + 5_000;
      while (Date.now() < until);
      return Response.json("over");
    };`;
  await pushPair(name, callee, {
    bindings: [{ name: "SEEN", kv: "seen" }],
    scale: { max: 1, concurrency: 4 },
    limits: { timeoutMs: 1_000, cpuMs: 20_000 },
  });
  // A start may take longer than a request has, and the loop must begin.
  await eventually(async () => expect((await world.call(`/${name}-callee`)).status).toBe(200), WAIT);
  await world.call(`/${name}/warm`, post({ path: "/warm" }));
  expect(await resultOf(name, "warm")).toBe('["warm"]');
  const loop = world.call(`/${name}-callee/loop`);
  const seen = await openByteKv(world.connection, "seen");
  await eventually(async () => expect(await seen.get("loop")).toBeDefined(), WAIT);
  await world.call(`/${name}/one`, post({ path: "/called" }));
  expect(await resultOf(name, "one")).toBe("[1]");
  expect((await loop).code).toBe("DEADLINE_EXCEEDED");
  const { timeline } = await showWorkflow(world.connection, { workflow: name, id: "one" });
  expect(timeline.find(({ kind }) => kind === "call")?.failures).toBeGreaterThan(0);
  expect(await resultsIn(name, "one")).toHaveLength(1);
}, 90_000);
