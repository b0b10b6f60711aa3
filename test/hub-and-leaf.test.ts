import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectNats, createHeaders } from "../nats/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startHubAndLeaf } from "./harness/hub-and-leaf.ts";
import { startWorld, type World } from "./harness/world.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());

/** Both sides have a node of the same name, and a function of the same name. */
const worlds: { hub?: World; leaf?: World } = {};
const worldOf = (side: "hub" | "leaf") => {
  const world = worlds[side];
  if (world === undefined) throw new Error("the worlds are not there yet");
  return world;
};

beforeAll(async () => {
  const servers = closers.use(await startHubAndLeaf());
  // Both end at once: each has noted the other's processes from the status events of the original toolkit.
  closers.defer(async () => {
    await Promise.all([worlds.hub, worlds.leaf].map((world) => world?.[Symbol.asyncDispose]()));
  });
  for (const side of ["hub", "leaf"] as const) {
    const natsUrl = side === "hub" ? servers.hubUrl : servers.leafUrl;
    const routes = ["hub", "leaf", "plain"].map((service) => ({
      path: `/${service}-only`,
      methods: ["GET"],
      service: `${service}-only`,
    }));
    const world = await startWorld({ natsUrl, gateway: { config: { routes }, hold: { holdMs: 1_000 } } });
    worlds[side] = world;
    await world.push(
      "fn",
      `export default (request, env) =>
         new URL(request.url).search === "?other" ? env.OTHER.fetch("http://x/") : (console.log("${side}"), new Response("${side}"));`,
      { bindings: [{ name: "OTHER", service: side === "hub" ? "leaf-only" : "hub-only" }] },
    );
    await world.push(`${side}-only`, `export default () => new Response("${side}");`);
  }
  // The servers receive each other's messages.
  const { hub, leaf } = worlds;
  const heard = new Promise<void>((resolve) =>
    hub?.connection.connection.subscribe("there", { callback: () => resolve() }),
  );
  await hub?.connection.flush();
  await eventually(async () => {
    leaf?.connection.connection.publish("there");
    await Promise.race([heard, leaf?.connection.flush().then(() => Promise.reject(new Error("not heard")))]);
  });
});

describe.each(["hub", "leaf"] as const)("the world of the %s", (side) => {
  const other = side === "hub" ? "leaf" : "hub";

  it("answers for its own functions, and sees its own instances and nodes", async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => worldOf(side).call("/fn")));
    expect(new Set(answers.map(({ text }) => text))).toEqual(new Set([side]));
    const mine = await worldOf(side).ps("fn");
    expect(mine).toHaveLength(1);
    expect(await worldOf(other).ps("fn")).not.toContainEqual(
      expect.objectContaining({ instance: mine[0]?.instance }),
    );
  });

  it("has no answer of the other's functions, by a route or by a binding", async () => {
    expect(await worldOf(other).call(`/${other}-only`)).toMatchObject({ status: 200, text: other });
    expect(await worldOf(side).call(`/${other}-only`)).toMatchObject({ status: 503, code: "NO_CONSUMER" });
    expect((await worldOf(side).call("/fn?other")).status).toBe(503);
  });

  it("keeps its own log lines", async () => {
    await worldOf(side).call("/fn");
    const messages = await eventually(async () => {
      const lines = (await worldOf(side).logs("fn")).map(({ message }) => message);
      expect(lines).not.toEqual([]);
      return lines;
    });
    expect(new Set(messages)).toEqual(new Set([side]));
  });
});

it("what a function stores stays in its world", async () => {
  const stores = `
    export default async (request, env) => {
      if (request.method === "PUT") await env.FILES.put("file", await request.text());
      const file = await env.FILES.get("file");
      return new Response(file === null ? "none" : await file.text());
    };`;
  const config = { bindings: [{ name: "FILES", objects: "files" }] };
  for (const side of ["hub", "leaf"] as const) {
    await worldOf(side).push("stores", stores, config);
    expect(await worldOf(side).call("/stores")).toMatchObject({ text: "none" });
    expect(await worldOf(side).call("/stores", { method: "PUT", body: side })).toMatchObject({ text: side });
  }
  expect(await worldOf("hub").call("/stores")).toMatchObject({ text: "hub" });
});

it("a consumer that knows no worlds answers in each", async () => {
  const nats = await connectNats({ url: worldOf("hub").nats.url, name: "plain" });
  closers.defer(() => nats.close());
  nats.subscribe("plain-only", (message) => message.respond("plain", createHeaders([])), { queue: "q" });
  await nats.flush();
  for (const side of ["hub", "leaf"] as const)
    await eventually(async () =>
      expect(await worldOf(side).call("/plain-only")).toMatchObject({ text: "plain" }),
    );
});
