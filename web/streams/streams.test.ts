import { expect, it } from "vitest";
import { callJson } from "../../runtime/testing/sandbox.ts";

const evaluate = (statements: string) =>
  callJson(`export default async () => Response.json(await (async () => { ${statements} })())`);

it("has every interface of the Streams standard under its own name, not enumerable", async () => {
  const names = [
    "ByteLengthQueuingStrategy",
    "CountQueuingStrategy",
    "ReadableByteStreamController",
    "ReadableStream",
    "ReadableStreamBYOBReader",
    "ReadableStreamBYOBRequest",
    "ReadableStreamDefaultController",
    "ReadableStreamDefaultReader",
    "TransformStream",
    "TransformStreamDefaultController",
    "WritableStream",
    "WritableStreamDefaultController",
    "WritableStreamDefaultWriter",
  ];
  const seen = await evaluate(`return ${JSON.stringify(names)}.map((name) => [
    globalThis[name].name, Object.prototype.propertyIsEnumerable.call(globalThis, name),
  ]);`);
  expect(seen).toEqual(names.map((name) => [name, false]));
});

it("fills a reader's own buffer up to the least that it wants", async () => {
  const seen = await evaluate(`
    const stream = new ReadableStream({
      type: "bytes",
      pull(controller) { controller.enqueue(new Uint8Array([1, 2])) },
    });
    const { value } = await stream.getReader({ mode: "byob" }).read(new Uint8Array(8), { min: 3 });
    return [...value];`);
  expect(seen).toEqual([1, 2, 1, 2]);
});

it("iterates with V8's own prototype of asynchronous iterators", async () => {
  const seen = await evaluate(`
    const iterator = ReadableStream.from([1, 2]).values();
    const own = Object.getPrototypeOf(Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})())));
    const isOwn = Object.getPrototypeOf(Object.getPrototypeOf(iterator)) === own;
    return [isOwn, await Array.fromAsync(iterator)];`);
  expect(seen).toEqual([true, [1, 2]]);
});
