/** Modules of a function in a real isolate: built as authors build, called over HTTP. */
import { afterAll, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const jsonOf = async (path: string) => JSON.parse((await world.call(path)).text);

it("own modules are evaluated at their first import(), once, and tell their errors each time", async () => {
  const files = {
    "index.ts": `
      const log: string[] = ((globalThis as any).log = ["index"]);
      import settings from "./settings.json" with { type: "json" };
      const started = await new Promise((resolve) => setTimeout(() => resolve("top level"), 1));
      export default async (request: Request) => {
        const seen: unknown[] = [settings.name, started, import.meta.url];
        if (request.url.endsWith("?load")) {
          const [a, b] = await Promise.all([import("./heavy.ts"), import("./heavy.ts")]);
          seen.push(a === b && a.answer);
        }
        if (request.url.endsWith("?fail")) seen.push(await import("./broken.ts").catch((error) => String(error)));
        if (request.url.endsWith("?throw")) await import("./broken.ts");
        return Response.json([...seen, log]);
      };
    `,
    "settings.json": '{ "name": "Ada" }',
    "heavy.ts": '(globalThis as any).log.push("heavy"); export const answer = await Promise.resolve(42);',
    "broken.ts": '\nthrow new RangeError("does not load");\nexport {};',
  };
  await world.push("parts", files);
  const always = ["Ada", "top level", "file:///bundle.js"];
  expect(await jsonOf("/parts")).toEqual([...always, ["index"]]);
  for (let n = 0; n < 2; n++) {
    expect(await jsonOf("/parts?load")).toEqual([...always, 42, ["index", "heavy"]]);
    expect(await jsonOf("/parts?fail")).toEqual([...always, "RangeError: does not load", ["index", "heavy"]]);
  }
  expect((await world.call("/parts?throw")).code).toBe("HANDLER_THREW");
  await eventually(async () => {
    const messages = (await world.logs("parts")).map(({ message }) => message);
    expect(messages).toContainEqual(
      expect.stringMatching(/^RangeError: does not load\n\s+at .*broken\.ts:2:7/),
    );
  });
});

it("import() of a computed name fails where it is called, and nowhere else", async () => {
  const source = `
    export default async (request: Request) => {
      const name = new URL(request.url).searchParams.get("name") ?? "";
      return new Response(await import(name).then(() => "loaded", (error) => error.message));
    };
  `;
  await world.push("computed", source);
  for (const name of ["./index.ts", "node:fs", "https://example.com/a.js", "function", "load"])
    expect(await world.call(`/computed?name=${name}`)).toMatchObject({ status: 200, text: "Not supported" });
});

it("text, bytes and lazy WebAssembly are there in the isolate", async () => {
  const files = {
    "index.ts": `
      import page from "./page.html"; import query from "./query.sql"; import bytes from "./data.bin";
      export default async () => {
        const { default: add } = await import("./add.wasm");
        const failed = await import("./broken.wasm").catch((error) => error.name);
        const sum = new WebAssembly.Instance(add).exports.add(2, 3);
        return Response.json([page, query, bytes instanceof Uint8Array, [...bytes], sum, failed]);
      };
    `,
    "page.html": "<p>ä</p>",
    "query.sql": "select 1",
    "data.bin": new Uint8Array([0, 255, 128]),
    "add.wasm": Buffer.from(
      "0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b",
      "hex",
    ),
    "broken.wasm": new Uint8Array([1, 2, 3, 4]),
  };
  await world.push("data", files);
  expect(await jsonOf("/data")).toEqual(["<p>ä</p>", "select 1", true, [0, 255, 128], 5, "CompileError"]);
});
