/** Object stores in `env`, through the whole system. */
import { afterAll, describe, expect, it } from "vitest";
import { createProbes } from "../harness/probe.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());
const run = createProbes(world);

describe("objects", () => {
  const bindings = [{ name: "FILES", objects: "files" }];

  it("keeps bodies of every kind, with their facts", async () => {
    const found = await run(
      `const files = env.FILES;
       const put = await files.put("docs/a b.txt", "Grüße", { contentType: "text/plain", metadata: { by: "me" } });
       await files.put("blob", new Blob(["{}"], { type: "application/json" }));
       await files.put("empty", "");
       const got = await files.get("docs/a b.txt");
       return [
         put.size, put.sha256.length, got.name, got.contentType, got.metadata, got.modifiedAt instanceof Date, await got.text(),
         (await files.head("blob")).contentType, await (await files.get("blob")).json(),
         (await (await files.get("empty")).arrayBuffer()).byteLength, await files.get("missing"), await files.head("missing"),
       ];`,
      bindings,
    );
    expect(found).toEqual([
      ...[7, 64, "docs/a b.txt", "text/plain", { by: "me" }, true, "Grüße"],
      ...["application/json", {}, 0, null, null],
    ]);
  });

  it("streams both ways what is larger than the function's memory", async () => {
    const found = await run(
      `const MIB = 1024 * 1024;
       let sent = 0;
       const source = new ReadableStream({
         pull(controller) {
           if (sent === 48) return controller.close();
           controller.enqueue(new Uint8Array(MIB).fill(sent++));
         },
       });
       const { size } = await env.FILES.put("large", source);
       let received = 0, isRight = true;
       for await (const chunk of (await env.FILES.get("large")).body) {
         isRight &&= chunk[0] === Math.floor(received / MIB);
         received += chunk.byteLength;
       }
       return [size / MIB, received / MIB, isRight];`,
      bindings,
      { limits: { memoryMb: 32, cpuMs: 5_000 } },
    );
    expect(found).toEqual([48, 48, true]);
  });

  it("keeps what was there where a stream breaks, and tells what broke", async () => {
    const found = await run(
      `await env.FILES.put("kept", "first");
       const breaking = new ReadableStream({
         start(controller) { controller.enqueue(new Uint8Array(300_000)); },
         pull(controller) { controller.error(new Error("no more")); },
       });
       const error = await env.FILES.put("kept", breaking).catch((error) => error);
       return [error.name, error.message.includes("no more"), await (await env.FILES.get("kept")).text()];`,
      bindings,
    );
    expect(found).toEqual(["BindingError", true, "first"]);
  });

  it("takes names of all characters, but no half ones", async () => {
    const found = await run(
      `const files = env.NAMES, found = [];
       for (const name of ["日本.png", "naïve.txt", "a – b.pdf", "e\\u0301", "🎉"]) {
         await files.put(name, name);
         found.push((await files.head(name)).name === name, await (await files.get(name)).text() === name);
         found.push((await files.list({ prefix: name })).objects.length);
         await files.delete(name);
         found.push(await files.get(name));
       }
       const half = "\\ud83c.txt";
       for (const method of ["put", "get", "head", "delete"])
         found.push((await files[method](half, "x").catch((error) => error)).name);
       found.push((await files.list({ prefix: half }).catch((error) => error)).name);
       return found;`,
      [{ name: "NAMES", objects: "names" }],
    );
    expect(found).toEqual([
      ...Array.from({ length: 5 }, () => [true, true, 1, null]).flat(),
      ...Array.from({ length: 5 }, () => "TypeError"),
    ]);
  });

  it("lists and deletes", async () => {
    const found = await run(
      `const files = env.LIST;
       for (const name of ["a/1", "a/2", "b"]) await files.put(name, name);
       await files.delete("a/1");
       const { objects, cursor } = await files.list({ prefix: "a/" });
       return [objects.map(({ name, size }) => [name, size]), cursor ?? null];`,
      [{ name: "LIST", objects: "list" }],
    );
    expect(found).toEqual([[["a/2", 3]], null]);
  });

  it("lets go of a stream that it cannot take", async () => {
    const found = await run(
      `let isCancelled = false;
       const stream = new ReadableStream({ pull() {}, cancel() { isCancelled = true; } });
       const error = await env.FILES.put("", stream).catch((error) => error);
       await new Promise((resolve) => setTimeout(resolve));
       return [error.name, isCancelled];`,
      bindings,
    );
    expect(found).toEqual(["TypeError", true]);
  });
});
