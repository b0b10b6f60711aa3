import { describe, expect, it } from "vitest";
import { ByteQueue } from "./byte-queue.ts";

describe("bytes that wait", () => {
  it("come out in order, whatever their sizes and whenever they are taken", () => {
    let state = 7;
    const random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    for (let round = 0; round < 100; round++) {
      const queue = new ByteQueue();
      const put: Uint8Array[] = [];
      const got: Uint8Array[] = [];
      const sizeOf = (parts: Uint8Array[]) => parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
      for (let at = 0; at < 300; at++) {
        if (random() < 0.7) {
          const size = Math.floor(random() * (random() < 0.1 ? 5_000 : 40));
          const bytes = Uint8Array.from({ length: size }, () => Math.floor(random() * 256));
          put.push(Buffer.from(bytes));
          queue.push(bytes);
        } else got.push(queue.shift() ?? new Uint8Array());
      }
      expect(queue.byteLength).toBe(sizeOf(put) - sizeOf(got));
      for (let part = queue.shift(); part !== undefined; part = queue.shift()) got.push(part);
      expect(Buffer.concat(got).equals(Buffer.concat(put))).toBe(true);
    }
  });

  it("are few parts where they were many small ones", () => {
    const queue = new ByteQueue();
    for (let at = 0; at < 100_000; at++) queue.push(new Uint8Array(1));
    let parts = 0;
    while (queue.shift() !== undefined) parts += 1;
    expect(parts).toBeLessThan(110);
  });

  it("stay as they are where nothing waits, or where they are large", () => {
    const queue = new ByteQueue();
    const pieces = [new Uint8Array(3), new Uint8Array(5_000)];
    for (const piece of pieces) queue.push(piece);
    expect([queue.shift(), queue.shift(), queue.shift()]).toEqual([...pieces, undefined]);
    for (const word of ["a", "b", "c"]) queue.push(Buffer.from(word));
    expect([String(queue.concat()), queue.byteLength, queue.shift()]).toEqual(["abc", 0, undefined]);
  });
});
