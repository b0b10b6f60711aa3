import { afterAll, describe, expect, it } from "vitest";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

describe("a request that is refused", () => {
  it("has a path that no function has: 404", async () => {
    const answer = await world.call("/nobody/here");
    expect(answer).toMatchObject({ status: 404, code: "NO_ROUTE" });
    expect(JSON.parse(answer.text)).toEqual({
      type: "urn:narun:error:NO_ROUTE",
      title: "No function has this path",
      status: 404,
      code: "NO_ROUTE",
      detail: "no route takes /nobody/here",
      requestId: answer.headers.get("x-request-id"),
    });
  });

  it("has a path beside one that a function has: the answer tells it", async () => {
    await world.push("alone", "export default () => new Response()", { routes: [{ path: "/alone" }] });
    await world.push("below", "export default () => new Response()", { routes: [{ path: "/below/*" }] });
    const detailOf = async (path: string) => JSON.parse((await world.call(path)).text).detail;
    expect(await detailOf("/alone/x?y=1")).toBe(
      "no route takes /alone/x; the route /alone takes nothing below it",
    );
    expect(await detailOf("/below")).toBe(
      "no route takes /below; the route /below/* takes only what is below it",
    );
  });

  it("has a body over the function's limit: 413, and the function sees nothing of it", async () => {
    const source = `
      let calls = 0;
      export default async (request: Request) => {
        calls += 1;
        return new Response(calls + " " + (await request.text()).length);
      };
    `;
    await world.push("small", source, { limits: { maxBodyBytes: 1000 } });
    const post = (length: number) => world.call("/small", { method: "POST", body: "x".repeat(length) });
    expect(await post(1000)).toMatchObject({ status: 200, text: "1 1000" });
    const refused = await post(1001);
    expect(refused).toMatchObject({ status: 413, code: "BODY_TOO_LARGE" });
    expect(refused.text).toContain("limits.maxBodyBytes");
    expect(await post(999)).toMatchObject({ status: 200, text: "2 999" });
  });

  it("has a method that the route does not take: 405 with those that it takes", async () => {
    await world.push("reads", `export default () => new Response("read");`, {
      routes: [{ path: "/reads", methods: ["GET"] }],
    });
    const refused = await world.call("/reads", { method: "POST" });
    expect(refused).toMatchObject({ status: 405, code: "METHOD_NOT_ALLOWED" });
    expect(refused.headers.get("allow")).toBe("GET, HEAD");
    expect(await world.call("/reads")).toMatchObject({ text: "read" });
  });

  it("finds no node that could run it: held, and then 503 with Retry-After", async () => {
    await using empty = await startWorld({ nodes: 0, gateway: { hold: { holdMs: 200 } } });
    expect(await empty.push("lonely", `export default () => new Response("hi");`)).toMatchObject({
      tried: false,
    });
    const refused = await empty.call("/lonely");
    expect(refused).toMatchObject({ status: 503, code: "NO_CONSUMER" });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(refused.headers.get("server-timing")).toMatch(/^hold;dur=/);
    // A node that joins in time answers the held request.
    const [answer] = await Promise.all([retryUntil200(() => empty.call("/lonely")), empty.startNode("late")]);
    expect(answer).toMatchObject({ status: 200, text: "hi" });
  });
});

/** A client that retries after status 503. */
async function retryUntil200<T extends { status: number }>(send: () => Promise<T>): Promise<T> {
  for (;;) {
    const answer = await send();
    if (answer.status !== 503) return answer;
  }
}
