/** A changed secret reaches the instances that use it, without a push and without a lost request. */
import { afterAll, expect, it } from "vitest";
import { rotateSecretsKey, setSecret } from "../control/index.ts";
import { generateSecretsKey, parseSecretsKey, type SecretsKey } from "../nats/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

const requireKey = (text: string): SecretsKey => {
  const key = parseSecretsKey(text);
  if (key === undefined) throw new Error("it is no key");
  return key;
};
const secretsKey = generateSecretsKey();
const key = requireKey(secretsKey);
const world = await startWorld({ secretsKey });
afterAll(() => world[Symbol.asyncDispose]());

const SOURCE = "export default (_: Request, env: any) => new Response(env.KEY ?? 'none');\n";
const config = { bindings: [{ name: "KEY", secret: "shop/key" }], scale: { min: 1, idleSeconds: 600 } };
const set = (value: string, under = key) => setSecret(world.connection, under, { name: "shop/key", value });

it("replaces the instances that use it, while every request is answered", async () => {
  await set("first");
  await world.push("shop", SOURCE, config);
  await world.push("other", SOURCE, { scale: { min: 1, idleSeconds: 600 } });
  expect((await world.call("/shop")).text).toBe("first");
  const other = await world.listed("other");

  const seen: string[] = [];
  let isOver = false;
  const calling = (async () => {
    while (!isOver) {
      const { status, text } = await world.call("/shop");
      seen.push(`${status} ${text}`);
    }
  })();
  await set("second");
  await eventually(() => expect(seen.at(-1)).toBe("200 second"), { timeoutMs: 30_000 });
  isOver = true;
  await calling;
  expect(seen.filter((answer) => answer !== "200 first" && answer !== "200 second")).toEqual([]);
  expect(await world.ps("other")).toMatchObject([{ instance: other.instance }]);
});

it("leaves the instances alone where the master key changes, and not the value", async () => {
  const nextText = generateSecretsKey();
  const next = requireKey(nextText);
  const [before] = await eventually(async () => {
    const instances = await world.ps("shop");
    expect(instances).toHaveLength(1);
    return instances;
  });
  expect(await rotateSecretsKey(world.connection, { from: key, to: next })).toEqual({
    rotated: ["shop/key"],
    done: [],
  });
  expect(await world.ps("shop")).toMatchObject([{ instance: before?.instance }]);
  expect(await rotateSecretsKey(world.connection, { from: key, to: next })).toEqual({
    rotated: [],
    done: ["shop/key"],
  });
});
