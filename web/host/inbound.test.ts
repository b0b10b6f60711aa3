import { describe, expect, it } from "vitest";
import { loadTestFunction } from "../../runtime/testing/sandbox.ts";
import { createRandom } from "../../test/soak/random.ts";

describe("bytes from the host", () => {
  it("are few chunks where many small ones waited", async () => {
    const { link, call, read } = await loadTestFunction(`export default async (request) => {
      const reader = request.body.getReader();
      await reader.read();
      await new Promise((resolve) => setTimeout(resolve, 0));
      const rest = [];
      let chunks = 0;
      for (let next = await reader.read(); !next.done; next = await reader.read()) { chunks += 1; rest.push(...next.value); }
      return Response.json({ chunks, size: rest.length, isRight: rest.every((byte, at) => byte === at % 251) });
    }`);
    const size = 3_000;
    const inbound = link.streams.openInbound(1, {
      onCredit() {
        if (sent > 0) return;
        inbound.push(new Uint8Array([1]).buffer);
        for (; sent < size; sent++) inbound.push(new Uint8Array([sent % 251]).buffer);
        inbound.end();
      },
      onCancel: () => undefined,
    });
    let sent = 0;
    const answer = await call({ method: "POST", body: inbound.id });
    if (answer.kind !== "response") throw new Error(answer.text);
    const { chunks, ...rest } = JSON.parse(Buffer.from(await read(answer.body)).toString());
    expect(rest).toEqual({ size, isRight: true });
    expect(chunks).toBeLessThan(100);
  });

  it("are whole and in order where they share memory, whatever the sizes and whenever they are read", async () => {
    const { link, call, read, logs } = await loadTestFunction(`export default async (request) => {
      let at = 0;
      let isRight = true;
      let wasShared = false;
      for await (const chunk of request.body) {
        if (at % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
        wasShared ||= chunk.buffer instanceof SharedArrayBuffer;
        for (const byte of chunk) { isRight &&= byte === at % 251; at += 1; }
      }
      return Response.json({ size: at, isRight, wasShared });
    }`);
    const random = createRandom(1);
    const total = 2_000_000;
    let sent = 0;
    let credit = 0;
    let copies = 0;
    const take = (size: number) => Uint8Array.from({ length: size }, () => sent++ % 251);
    const inbound = link.streams.openInbound(1, {
      onCredit(bytes) {
        credit += bytes;
        while (credit > 0 && sent < total) {
          const size = Math.min(random.between(1, random.pick([10, 60_000])), credit, total - sent);
          const bytes = take(size);
          credit -= size;
          if (inbound.copy(bytes)) copies += 1;
          else inbound.push(bytes.buffer);
          if (random.next() < 0.2) inbound.flush();
        }
        inbound.flush();
        if (sent === total) inbound.end();
      },
      onCancel: () => undefined,
    });
    // The beginning comes with the request, without credit.
    queueMicrotask(() => inbound.push(take(100_000).buffer));
    const answer = await call({ method: "POST", body: inbound.id });
    if (answer.kind !== "response") throw new Error(answer.text);
    expect(JSON.parse(Buffer.from(await read(answer.body)).toString())).toEqual({
      size: total,
      isRight: true,
      wasShared: false,
    });
    expect([copies > 20, logs]).toEqual([true, []]);
  });

  it("are read out of shared memory that user code cannot reach by changed methods and getters", async () => {
    const { link, call, read } = await loadTestFunction(`
      let found = 0;
      const TypedArray = Object.getPrototypeOf(Uint8Array);
      const own = Object.getOwnPropertyDescriptors(TypedArray.prototype);
      const buffer = own.buffer.get;
      const spy = (self, values) => { for (const value of [self, ...values]) try { if (Reflect.apply(buffer, value, []) instanceof SharedArrayBuffer) found += 1; } catch {} };
      export default async (request) => {
        for (const [name, { get, value }] of Object.entries(own)) {
          if (get) Object.defineProperty(TypedArray.prototype, name, { get() { spy(this, []); return Reflect.apply(get, this, []); } });
          else if (typeof value === "function" && name !== "constructor") Object.defineProperty(TypedArray.prototype, name, { value(...values) { spy(this, values); return Reflect.apply(value, this, values); } });
        }
        let size = 0;
        const reader = request.body.getReader();
        for (let next = await reader.read(); !next.done; next = await reader.read()) size += next.value.byteLength;
        return Response.json({ size, found });
      }`);
    const total = 2_000_000;
    let sent = 0;
    let copies = 0;
    const inbound = link.streams.openInbound(1, {
      onCredit(bytes) {
        const size = Math.min(bytes, total - sent);
        sent += size;
        if (inbound.copy(new Uint8Array(size))) copies += 1;
        else inbound.push(new ArrayBuffer(size));
        inbound.flush();
        if (sent === total) inbound.end();
      },
      onCancel: () => undefined,
    });
    const answer = await call({ method: "POST", body: inbound.id });
    if (answer.kind !== "response") throw new Error(answer.text);
    expect(JSON.parse(Buffer.from(await read(answer.body)).toString())).toEqual({ size: total, found: 0 });
    expect(copies).toBeGreaterThan(3);
  });
});
