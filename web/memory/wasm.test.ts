import { describe, expect, it } from "vitest";
import { callJson } from "../../runtime/testing/sandbox.ts";

/** `add` of two numbers, and `log`, an import that its start function calls. */
const ADD =
  "new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11])";

const handler = (body: string) => `export default async () => { ${body} };`;

describe("WebAssembly in an isolate", () => {
  it("compiles and instantiates without V8's background tasks", async () => {
    const code = handler(`
      const module = await WebAssembly.compile(${ADD});
      const first = await WebAssembly.instantiate(module);
      const second = await WebAssembly.instantiate(${ADD}.buffer, {});
      return Response.json([first.exports.add(1, 2), second.instance.exports.add(3, 4), second.module instanceof WebAssembly.Module]);`);
    expect(await callJson(code)).toEqual([3, 7, true]);
  });

  it("tells what is wrong by the promise", async () => {
    const code = handler(`
      const names = [];
      for (const attempt of [
        () => WebAssembly.compile(),
        () => WebAssembly.compile(new Uint8Array([1, 2, 3])),
        () => WebAssembly.instantiate(${ADD}, 1),
        () => WebAssembly.instantiate({}),
        () => WebAssembly.instantiateStreaming({}),
      ]) names.push(await attempt().then(() => "none", (error) => error.name));
      return Response.json(names);`);
    expect(await callJson(code)).toEqual([
      "TypeError",
      "CompileError",
      "TypeError",
      "TypeError",
      "TypeError",
    ]);
  });

  it("compiles a response that says that it is WebAssembly, and no other", async () => {
    const code = handler(`
      const response = (type, status = 200) => new Response(${ADD}, { status, headers: { "content-type": type } });
      const { instance } = await WebAssembly.instantiateStreaming(Promise.resolve(response(" Application/WASM ")));
      const refused = [];
      for (const bad of [response("application/wasm; x=1"), response("application/wasm", 404)])
        refused.push(await WebAssembly.compileStreaming(bad).then(() => "none", (error) => error.name));
      return Response.json([instance.exports.add(20, 22), ...refused]);`);
    expect(await callJson(code)).toEqual([42, "TypeError", "TypeError"]);
  });
});
