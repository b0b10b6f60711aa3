/** Schemas of zod, valibot and arktype in one service: validated as they are, and shown as JSON Schema. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { openSpecs } from "../../nats/index.ts";
import { startWorld, type World } from "../harness/world.ts";

const LIBRARIES = `
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import { service } from "narun";
import * as v from "valibot";
import { z } from "zod";

export default service({ name: "libraries", version: "1.0.0" })
  .action("zod", { input: z.object({ id: z.string(), lines: z.array(z.object({ count: z.number() })) }) }, (input) => input)
  .action("valibot", {
    input: toStandardJsonSchema(v.object({ id: v.string(), lines: v.array(v.object({ count: v.number() })) })),
  }, (input) => input)
  .action("arktype", { input: type({ id: "string", lines: type({ count: "number" }).array() }) }, (input) => input);
`;

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("libraries", LIBRARIES, { limits: { cpuMs: 5_000 } });
});
afterAll(() => world[Symbol.asyncDispose]());

const LINE = { type: "object", properties: { count: { type: "number" } }, required: ["count"] };

it.each(["zod", "valibot", "arktype"])(
  "takes schemas of %s",
  async (name) => {
    const read = await (await openSpecs(world.connection)).get("libraries");
    const description = read?.ok && read.value.kind === "function" ? read.value.spec.interface : undefined;
    expect(description?.actions.find((action) => action.name === name)?.input).toMatchObject({
      type: "object",
      properties: { id: { type: "string" }, lines: { type: "array", items: LINE } },
    });
    const post = (value: unknown) =>
      world.call(`/libraries.${name}`, { method: "POST", body: JSON.stringify(value) });
    const right = { id: "a", lines: [{ count: 1 }] };
    expect(JSON.parse((await post(right)).text)).toEqual(right);
    const wrong = await post({ id: "a", lines: [{ count: 1 }, { count: "many" }] });
    expect(wrong.code).toBe("INVALID_INPUT");
    expect(JSON.parse(wrong.text).issues).toMatchObject([{ path: "lines.1.count" }]);
  },
  30_000,
);
