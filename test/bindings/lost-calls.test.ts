import { afterAll, describe, expect, it } from "vitest";
import { subjects } from "../../contracts/index.ts";
import { type Message, registerMicroService } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld({ isLinked: true });
afterAll(() => world[Symbol.asyncDispose]());

/** Requests that the function's calls have brought here, to be answered by the test. */
const taken: Message[] = [];
registerMicroService(world.connection, {
  name: "back",
  version: "1.0.0",
  endpoints: [{ name: "handler", subject: "back", handle: (message) => taken.push(message) }],
});
await world.push(
  "front",
  `export default async (request, env) => {
     const { searchParams } = new URL(request.url);
     const method = searchParams.get("method");
     if (method === null) return new Response("at once");
     const { status, ok, ...answer } = await env.BACK.fetch("/" + searchParams.get("path"), { method });
     return new Response("called", { status });
   }`,
  { bindings: [{ name: "BACK", service: "back" }], limits: { timeoutMs: 120_000 } },
);
await world.call("/front");

/** Resolves at the next inquiry at the gateways: each call in it has been under way for half a second. */
const asked = () =>
  new Promise<void>((resolve) => {
    const subscription = world.connection.subscribe(subjects.inquiriesToGateways, () => {
      subscription.unsubscribe();
      resolve();
    });
  });
const call = (method: string, path: string) =>
  world.call(`/front?method=${method}&path=${path}`, { method: "POST" });
/** The request of a path, once it has come. */
const takenOf = (path: string) =>
  eventually(() => {
    const found = taken.find(({ headers }) => headers?.get("X-Original-Path")?.[0] === `/${path}`);
    if (found === undefined) throw new Error(`${path} has not come`);
    return found;
  });

describe.each([
  { side: "gateway", towards: "to-client", back: "to-server" },
  { side: "narun host of node-0", towards: "to-server", back: "to-client" },
] as const)(
  "when the connection of the $side breaks under a call of a function",
  ({ side, towards, back }) => {
    it("an answer that was lost is sent again", async () => {
      const path = `answer-${side.length}`;
      const answer = call("POST", path);
      const request = await takenOf(path);
      await asked();
      world.link.lose(side, back);
      request.respond(`the words of ${path}`);
      await world.link.lost(`the words of ${path}`);
      world.link.cut(side);
      expect(await answer).toMatchObject({ status: 200, text: "called" });
    });

    it("a call that was lost is sent again where it may run twice", async () => {
      const path = `get-${side.length}`;
      world.link.lose(side, towards);
      const answer = call("GET", path);
      await world.link.lost(`X-Original-Path: /${path}`);
      world.link.cut(side);
      (await takenOf(path)).respond("words");
      expect(await answer).toMatchObject({ status: 200, text: "called" });
    });

    it("a call that was lost fails soon where it may run only once", async () => {
      const path = `post-${side.length}`;
      world.link.lose(side, towards);
      const answer = call("POST", path);
      await world.link.lost(`X-Original-Path: /${path}`);
      world.link.cut(side);
      expect(await answer).toMatchObject({ status: 502, text: "called" });
    });
  },
);
