import { expect, it } from "vitest";
import { callJson } from "../../runtime/testing/sandbox.ts";

const evaluate = (statements: string) =>
  callJson(`export default async () => Response.json(await (async () => { ${statements} })())`);

it("moves a readable stream: the first is locked, the other gives clones of its chunks", async () => {
  const seen = await evaluate(`
    const chunk = { deep: [1] };
    const first = ReadableStream.from([chunk, "two"]);
    const { moved } = structuredClone({ moved: first }, { transfer: [first] });
    const chunks = await Array.fromAsync(moved);
    return [first.locked, chunks, chunks[0] === chunk];`);
  expect(seen).toEqual([true, [{ deep: [1] }, "two"], false]);
});

it("breaks both sides over a chunk that cannot be cloned", async () => {
  const seen = await evaluate(`
    let cancelled;
    const first = new ReadableStream({
      pull(controller) { controller.enqueue(() => 1) },
      cancel(reason) { cancelled = reason.name },
    });
    const moved = structuredClone(first, { transfer: [first] });
    const error = await moved.getReader().read().catch((error) => error.name);
    return [error, cancelled];`);
  expect(seen).toEqual(["DataCloneError", "DataCloneError"]);
});

it("moves a writable stream with what becomes of it", async () => {
  const seen = await evaluate(`
    const written = [];
    const first = new WritableStream({ write(chunk) { if (chunk === 2) throw new RangeError("two"); written.push(chunk) } });
    const writer = structuredClone(first, { transfer: [first] }).getWriter();
    await writer.write(1);
    const error = await writer.write(2).catch((error) => error);
    return [written, error instanceof RangeError, error.message, await writer.closed.catch(({ message }) => message)];`);
  expect(seen).toEqual([[1], true, "two", "two"]);
});

it("moves a transform stream as one, and refuses what is locked or one of its sides besides", async () => {
  const seen = await evaluate(`
    const nameOf = (action) => { try { action(); return "moved" } catch (error) { return error.name } };
    const first = new TransformStream({ transform(chunk, controller) { controller.enqueue(chunk * 2) } });
    const moved = structuredClone(first, { transfer: [first] });
    const pair = new TransformStream();
    return [
      moved instanceof TransformStream,
      await Array.fromAsync(ReadableStream.from([1, 2]).pipeThrough(moved)),
      nameOf(() => structuredClone(first, { transfer: [first] })),
      nameOf(() => structuredClone(0, { transfer: [pair, pair.readable] })),
      nameOf(() => structuredClone(new ReadableStream())),
    ];`);
  expect(seen).toEqual([true, [2, 4], "DataCloneError", "DataCloneError", "DataCloneError"]);
});
