import { expect, it } from "vitest";
import { createRandom } from "../../test/soak/random.ts";
import { JoinedChunks } from "./joined-chunks.ts";

const MAX_JOINED_BYTES = 64 * 1024;

it("chunks of one turn are few, and have the same bytes", async () => {
  const random = createRandom(1);
  for (let run = 0; run < 100; run++) {
    const taken: Buffer[] = [];
    let copied: Buffer[] = [];
    let room = random.between(0, 100_000);
    const chunks = new JoinedChunks({
      push: (bytes) => void taken.push(Buffer.from(bytes)),
      copy(bytes) {
        room -= bytes.byteLength;
        if (room >= 0) copied.push(Buffer.from(bytes));
        return room >= 0;
      },
      flush() {
        if (copied.length > 0) taken.push(Buffer.concat(copied));
        copied = [];
      },
    });
    const sent: Buffer[] = [];
    let held = 0;
    const hold = () => {
      held += 1;
      return () => {
        held -= 1;
      };
    };
    for (let count = random.between(1, 6); count > 0; count--) {
      const bytes = Buffer.from(random.bytes(random.between(1, random.pick([10, 65_536, 200_000]))));
      sent.push(Buffer.from(bytes));
      const mayHold = random.next() < 0.5;
      chunks.push(bytes, { hold: () => (mayHold ? hold() : undefined) });
      if (!mayHold) bytes.fill(0);
    }
    expect(taken).toEqual([]);
    const hasCopied = copied.length > 0;
    await new Promise((resolve) => setImmediate(resolve));
    expect(Buffer.concat(taken).equals(Buffer.concat(sent))).toBe(true);
    const joined = taken.slice(hasCopied ? 1 : 0);
    for (const { byteLength } of joined.slice(0, -1)) expect(byteLength).toBe(MAX_JOINED_BYTES);
    expect(joined.at(-1)?.byteLength ?? 0).toBeLessThanOrEqual(MAX_JOINED_BYTES);
    expect(held).toBe(0);
  }
});

it("chunks that come before the end are handed over before it", () => {
  const taken: number[] = [];
  const chunks = new JoinedChunks({
    push: (bytes) => void taken.push(bytes.byteLength),
    copy: () => false,
    flush: () => undefined,
  });
  chunks.push(new Uint8Array(3), { hold: () => undefined });
  chunks.push(new Uint8Array(4), { hold: () => undefined });
  chunks.flush();
  chunks.flush();
  expect(taken).toEqual([7]);
});
