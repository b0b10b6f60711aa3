import { expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { createRandom } from "../../test/soak/random.ts";
import { BulkFlow } from "./bulk-flow.ts";
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

/** Chunks that are copied, and come at the times of a clock. */
function flowOf(clock: { ms: number }) {
  const entered: number[] = [];
  let copied = 0;
  const chunks = new JoinedChunks(
    {
      push: () => undefined,
      copy(bytes) {
        copied += bytes.byteLength;
        return true;
      },
      flush() {
        if (copied > 0) entered.push(copied);
        copied = 0;
      },
    },
    new BulkFlow(() => clock.ms),
  );
  const push = (bytes: number) => chunks.push(new Uint8Array(bytes), { hold: () => undefined });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { entered, push, turn };
}

const LARGE = 64 * 1024;

it("large chunks that follow each other at once enter together", async () => {
  const { entered, push, turn } = flowOf({ ms: 0 });
  push(LARGE);
  await turn();
  expect(entered).toEqual([LARGE]);
  // In one turn, so that no timer ends the wait.
  for (let at = 0; at < 3; at++) push(LARGE);
  expect(entered).toEqual([LARGE]);
  push(LARGE);
  expect(entered).toEqual([LARGE, 4 * LARGE]);
});

it("a large chunk that no other follows enters all the same", async () => {
  const { entered, push, turn } = flowOf({ ms: 0 });
  push(LARGE);
  await turn();
  push(LARGE);
  await eventually(() => expect(entered).toEqual([LARGE, LARGE]));
});

it("a small chunk does not wait, nor a large one behind a pause", async () => {
  const clock = { ms: 0 };
  const { entered, push, turn } = flowOf(clock);
  push(LARGE);
  await turn();
  push(LARGE);
  push(1);
  await turn();
  clock.ms += 2;
  push(LARGE);
  await turn();
  expect(entered).toEqual([LARGE, LARGE + 1, LARGE]);
});
