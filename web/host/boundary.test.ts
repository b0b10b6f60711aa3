import { describe, expect, it } from "vitest";
import { sendToIsolate } from "../../runtime/isolate/operations/stream-adapters.ts";
import { CallError } from "../../runtime/isolate/process/host-calls.ts";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

describe("streams across the boundary", () => {
  it("sends a response's stream, whatever the size of its chunks", async () => {
    const loaded = await loadTestFunction(`export default () => new Response(new ReadableStream({
      start(controller) {
        for (const size of [1, 100_000, 300_000]) controller.enqueue(new Uint8Array(size).fill(size % 251));
        controller.close();
      },
    }))`);
    const answer = await loaded.call();
    if (answer.kind !== "response") throw new Error(answer.text);
    const bytes = await loaded.read(answer.body);
    expect(bytes.byteLength).toBe(400_001);
    expect([bytes[0], bytes[1], bytes[400_000]]).toEqual([1, 100_000 % 251, 300_000 % 251]);
  });

  it("reports a stream that breaks as broken", async () => {
    const loaded = await loadTestFunction(`export default () => new Response(new ReadableStream({
      pull(controller) { controller.error(new Error("half-way")) },
    }))`);
    const answer = await loaded.call();
    if (answer.kind !== "response") throw new Error(answer.text);
    await expect(loaded.read(answer.body)).rejects.toThrow("half-way");
  });

  it("gives a request's stream to the handler, no faster than it reads", async () => {
    const loaded = await loadTestFunction(
      `export default async (request) => Response.json((await request.text()).length)`,
    );
    let given = 0;
    async function* source() {
      for (; given < 50; given++) yield Buffer.alloc(60_000, "x");
    }
    const stream = sendToIsolate(loaded.link.streams, 0, source());
    await Promise.resolve();
    expect(given).toBe(0);
    const answer = await loaded.call({ method: "POST", body: stream });
    expect(answer).toMatchObject({ kind: "response", body: "3000000" });
  });
});

describe("calls to the host", () => {
  it("refuses what there is no operation for", async () => {
    expect(await callJson(`export default () => Response.json(typeof globalThis.callHost)`)).toBe(
      "undefined",
    );
    expect(new CallError("TypeError", "x").name).toBe("TypeError");
  });
});

describe("the messages", () => {
  it("have an operation of their own each", async () => {
    const { EnterOp, PostOp } = await import("./boundary.ts");
    for (const ops of [EnterOp, PostOp])
      expect(new Set(Object.values(ops)).size).toBe(Object.keys(ops).length);
  });
});
