import { afterAll, expect, it } from "vitest";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

/** Answers 429 where the limit of the key in `?key=` is reached. */
const limited = `export default async (request, env) => {
  const { success } = await env.LIMIT.limit({ key: new URL(request.url).searchParams.get("key") });
  return new Response("", { status: success ? 200 : 429 });
}`;
/** One token comes back in 20 minutes. */
const bindings = [{ name: "LIMIT", ratelimit: { limit: 3, periodSeconds: 3_600 } }];

const statuses = async (name: string, ...keys: string[]) => {
  const found: number[] = [];
  for (const key of keys) found.push((await world.call(`/${name}?key=${key}`)).status);
  return found;
};

it("lets each key through as often as its limit says", async () => {
  await world.push("limited", limited, { bindings });
  expect(await statuses("limited", "a", "a", "b", "a", "a", "b", "b", "b")).toEqual([
    200, 200, 200, 200, 429, 200, 200, 429,
  ]);
});

it("counts on in the instances of the next revision, and apart for each function", async () => {
  await world.push("first", limited, { bindings });
  expect(await statuses("first", "a", "a", "a", "a")).toEqual([200, 200, 200, 429]);
  await world.push("first", `${limited}\n// changed`, { bindings });
  await world.push("second", limited, { bindings });
  expect(await statuses("first", "a", "b")).toEqual([429, 200]);
  expect(await statuses("second", "a")).toEqual([200]);
});

it("counts on after its function slept, in a trust group of its own too", async () => {
  await world.push("sleeper", limited, { bindings, trust: "own", scale: { idleSeconds: 1 } });
  expect(await statuses("sleeper", "a", "a", "a", "a")).toEqual([200, 200, 200, 429]);
  await world.announced("sleeper", "gone");
  expect(await statuses("sleeper", "a", "b")).toEqual([429, 200]);
});

it("refuses a call without a key, and options that it does not have", async () => {
  const source = `export default async (request, env) => {
    const errors = [];
    for (const options of [undefined, {}, { key: 1 }, { key: "" }, { key: "a", limit: 5 }]) {
      await env.LIMIT.limit(options).catch((error) => errors.push(error.name + ": " + error.message));
    }
    return Response.json(errors);
  }`;
  await world.push("refusing", source, { bindings });
  expect(JSON.parse((await world.call("/refusing")).text)).toEqual([
    "TypeError: RATELIMIT.limit: the options are an object of key",
    "TypeError: RATELIMIT.limit: the key is a text and not undefined",
    "TypeError: RATELIMIT.limit: the key is a text and not a number",
    "TypeError: A key is a text that is not empty, without lone surrogates",
    'TypeError: RATELIMIT.limit has no option "limit": it has key; the limit stands in narun.yaml',
  ]);
});
