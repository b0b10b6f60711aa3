import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Context, Env, Handler, ModuleWorker } from "../functions/sdk/index.ts";
import { buildFunction } from "./build.ts";
import { findFunctions } from "./function-folder.ts";
import { evaluate } from "./testing/source-folder.ts";

const EXAMPLES = fileURLToPath(new URL("../functions/examples", import.meta.url));

/** Builds an example and calls what it exports, as a runtime does. */
async function openExample(name: string) {
  const build = await buildFunction(`${EXAMPLES}/${name}`, { write: false });
  const exports = (await evaluate(build)) as Record<string, Handler | ModuleWorker>;
  const env: Env = Object.fromEntries(build.config.env.map(({ name: key, value = "" }) => [key, value]));
  const context: Context = { requestId: "test", deadline: Date.now() + 1_000 };
  return (path: string, init?: RequestInit) => {
    const request = new Request(`http://localhost${path}`, init);
    const handler = exports[request.method] ?? exports.default;
    if (handler === undefined) throw new Error("no handler");
    return typeof handler === "function"
      ? handler(request, env, context)
      : handler.fetch(request, env, context);
  };
}

test("there are these examples", async () => {
  const found = await findFunctions(EXAMPLES);
  expect(found.map((dir) => basename(dir))).toEqual(["dice", "echo", "hello", "quotes", "session"]);
});

test("hello greets", async () => {
  const call = await openExample("hello");
  expect(await (await call("/hello")).text()).toBe("Hello, world!\n");
  expect(await (await call("/hello/Ada%20L")).text()).toBe("Hello, Ada L!\n");
});

test("echo sends back what came", async () => {
  const call = await openExample("echo");
  const body = new Uint8Array([0, 255, 128, 13, 10]);
  const posted = await call("/echo/a?b=1&b=2", {
    method: "POST",
    body,
    headers: { "content-type": "image/x-test" },
  });
  expect(await posted.bytes()).toEqual(body);
  expect(Object.fromEntries(posted.headers)).toMatchObject({
    "content-type": "image/x-test",
    "x-echo-method": "POST",
    "x-echo-path": "/echo/a",
    "x-echo-query": "?b=1&b=2",
  });
  const described = await call("/echo?b=1&b=2", { headers: { "x-mine": "y" } });
  expect(await described.json()).toEqual({
    method: "GET",
    path: "/echo",
    query: [
      ["b", "1"],
      ["b", "2"],
    ],
    headers: [["x-mine", "y"]],
  });
});

test("dice rolls by method", async () => {
  const call = await openExample("dice");
  const { roll } = (await (await call("/dice?sides=2")).json()) as { roll: number };
  expect([1, 2]).toContain(roll);
  expect((await call("/dice?sides=1")).status).toBe(400);
  const posted = await call("/dice", { method: "POST", body: '{ "count": 3, "sides": 6 }' });
  expect(posted.status).toBe(201);
  const { rolls, total } = (await posted.json()) as { rolls: number[]; total: number };
  expect(rolls).toHaveLength(3);
  expect(total).toBe(rolls.reduce((a, b) => a + b));
  expect((await call("/dice", { method: "POST", body: "no JSON" })).status).toBe(400);
});

test("quotes gives one, or the one that is asked for", async () => {
  const call = await openExample("quotes");
  expect(await (await call("/quotes/1")).json()).toEqual({
    text: "Well begun is half done.",
    by: "Aristotle",
  });
  expect((await call("/quotes")).status).toBe(200);
  expect((await call("/quotes/99")).status).toBe(404);
});

test("session logs in and out by cookies", async () => {
  const call = await openExample("session");
  expect((await call("/session")).status).toBe(401);
  expect((await call("/session/login")).status).toBe(400);
  const login = await call("/session/login?name=Ada%20L");
  expect(login.status).toBe(303);
  expect(login.headers.get("location")).toBe("/session");
  const cookies = login.headers.getSetCookie();
  expect(cookies).toHaveLength(2);
  const cookie = cookies.map((field) => field.split(";")[0]).join("; ");
  expect(await (await call("/session", { headers: { cookie } })).text()).toBe("Welcome back, Ada L.\n");
  expect((await call("/session/logout")).headers.getSetCookie()[0]).toContain("Max-Age=0");
  expect((await call("/session/nowhere")).status).toBe(404);
});
