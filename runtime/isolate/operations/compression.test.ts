import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { CallContext, HostOperations } from "../process/host-calls.ts";
import { createCompressionOperations } from "./compression.ts";

/** A call of a request that is open until `request` is set to undefined. */
function createContext(): CallContext & { request: { id: string; endsAtMs: number } | undefined } {
  return {
    owner: 1,
    request: { id: "r1", endsAtMs: 0 },
    signal: new AbortController().signal,
    streams: {} as CallContext["streams"],
  };
}

const NOTHING = new ArrayBuffer();

const step = (operations: HostOperations, values: unknown[], context: CallContext = createContext()) =>
  Promise.resolve(operations["compression.step"]?.(values, context)) as Promise<{
    output: ArrayBuffer;
    isMore: boolean;
  }>;

const bufferOf = (bytes: Uint8Array) => new Uint8Array(bytes).buffer;

describe("compression", () => {
  it("returns the output of a bomb in bounded parts", async () => {
    const operations = createCompressionOperations();
    const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024));
    let result = await step(operations, [1, bufferOf(bomb), true, "decompress:gzip"]);
    let total = 0;
    let largest = 0;
    for (let steps = 0; steps < 1_000; steps += 1) {
      total += result.output.byteLength;
      largest = Math.max(largest, result.output.byteLength);
      if (!result.isMore) break;
      result = await step(operations, [1, NOTHING, true]);
    }
    expect(total).toBe(8 * 1024 * 1024);
    expect(largest).toBeLessThanOrEqual(160 * 1024);
  });

  it("keeps the coders of other streams apart, step by step", async () => {
    const operations = createCompressionOperations();
    const parts: Record<number, Buffer[]> = { 1: [], 2: [] };
    for (const [text, isLast] of [
      ["first ", false],
      ["second", true],
    ] as const) {
      for (const id of [1, 2]) {
        const input = bufferOf(Buffer.from(`${id} ${text}`));
        const kind = isLast ? undefined : "compress:gzip";
        parts[id]?.push(Buffer.from((await step(operations, [id, input, isLast, kind])).output));
      }
    }
    const texts = Object.values(parts).map((some) => gunzipSync(Buffer.concat(some)).toString());
    expect(texts).toEqual(["1 first 1 second", "2 first 2 second"]);
  });

  it("refuses more coders than an isolate may have while the requests of all of them are open", async () => {
    const operations = createCompressionOperations();
    for (let id = 1; id <= 64; id += 1) await step(operations, [id, NOTHING, false, "compress:gzip"]);
    await expect(step(operations, [65, NOTHING, false, "compress:gzip"])).rejects.toMatchObject({
      name: "QuotaExceededError",
    });
    await operations["compression.close"]?.([7], createContext());
    await expect(step(operations, [66, NOTHING, false, "compress:gzip"])).resolves.toMatchObject({
      isMore: false,
    });
  });

  it("weighs brotli by its memory", async () => {
    const operations = createCompressionOperations();
    for (let id = 1; id <= 4; id += 1) await step(operations, [id, NOTHING, false, "decompress:brotli"]);
    await expect(step(operations, [5, NOTHING, false, "decompress:brotli"])).rejects.toMatchObject({
      name: "QuotaExceededError",
    });
  });

  it("replaces an unfinished coder once its request is over", async () => {
    const operations = createCompressionOperations();
    const contexts = Array.from({ length: 64 }, createContext);
    for (const [at, context] of contexts.entries())
      await step(operations, [at + 1, NOTHING, false, "compress:gzip"], context);
    for (const at of [3, 5]) Object.assign(contexts[at] ?? {}, { request: undefined });
    await step(operations, [6, NOTHING, false]);
    await step(operations, [4, NOTHING, false]);
    await step(operations, [65, NOTHING, false, "compress:gzip"]);
    // The sixth had been idle longer than the fourth.
    await expect(step(operations, [6, NOTHING, false])).rejects.toMatchObject({ name: "AbortError" });
    await expect(step(operations, [4, NOTHING, false])).resolves.toMatchObject({ isMore: false });
  });

  it("forgets a coder when the isolate gives up its step", async () => {
    const operations = createCompressionOperations();
    const leaving = new AbortController();
    const input = bufferOf(Buffer.alloc(256 * 1024, "x"));
    const given = step(operations, [1, input, true, "compress:gzip"], {
      ...createContext(),
      signal: leaving.signal,
    });
    leaving.abort();
    await given.catch(() => undefined);
    await expect(step(operations, [1, NOTHING, true])).rejects.toMatchObject({ name: "AbortError" });
  });

  it.each([
    ["no id", ["1", NOTHING, false, "compress:gzip"]],
    ["no bytes", [1, "text", false, "compress:gzip"]],
    ["too much at once", [1, new ArrayBuffer(256 * 1024 + 1), false, "compress:gzip"]],
    ["a format that is none", [1, NOTHING, false, "constructor"]],
  ])("refuses a step with %s", async (_what, values) => {
    await expect(step(createCompressionOperations(), values)).rejects.toMatchObject({ name: "TypeError" });
  });

  it("refuses a second step while one is under way", async () => {
    const operations = createCompressionOperations();
    const input = () => bufferOf(Buffer.alloc(256 * 1024, "x"));
    const first = step(operations, [1, input(), false, "compress:gzip"]);
    await expect(step(operations, [1, input(), false])).rejects.toMatchObject({ name: "TypeError" });
    await first;
  });
});
