import { beforeEach, expect, it } from "vitest";
import { PostOp } from "./boundary.ts";
import { postChunks } from "./gathered-chunks.ts";
import { connectHost } from "./host-link.ts";
import { grantOutbound, type Outbound, openOutbound } from "./outbound.ts";

let posted: unknown[][] = [];

beforeEach(() => {
  posted = [];
  connectHost({ post: (...message) => void posted.push(message.slice(0, 3)), ask: () => "" });
});

function openGranted(): Outbound {
  const outbound = openOutbound();
  grantOutbound(outbound.id, 1_000_000, undefined);
  return outbound;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** The bytes that the posts brought to each stream, as text, and `.` for its end. */
function arrived(): Map<number, string> {
  const texts = new Map<number, string>();
  const add = (id: number, text: string) => texts.set(id, (texts.get(id) ?? "") + text);
  for (const [op, a, b] of posted) {
    if (op === PostOp.end) add(Number(a), ".");
    else if (op === PostOp.chunk) add(Number(a), new TextDecoder().decode(b as ArrayBuffer));
    else {
      const numbers = String(a).split(" ").map(Number);
      let at = 0;
      for (let next = 0; next < numbers.length; next += 2) {
        const size = numbers[next + 1] ?? 0;
        add(numbers[next] ?? 0, new TextDecoder().decode((b as ArrayBuffer).slice(at, at + size)));
        at += size;
      }
    }
  }
  return texts;
}

it("an event to a thousand streams leaves by few messages", async () => {
  const streams = Array.from({ length: 1_000 }, openGranted);
  const event = bytesOf("id: 1\ndata: 1234567890123\n\n");
  await Promise.all(streams.map((stream) => stream.write(event)));
  await undefined;
  expect(posted.length).toBeLessThan(5);
  const texts = arrived();
  expect(streams.every(({ id }) => texts.get(id) === "id: 1\ndata: 1234567890123\n\n")).toBe(true);
});

it("small and large chunks and the end of a stream arrive in order", async () => {
  const [one, other] = [openGranted(), openGranted()];
  const large = "x".repeat(10_000);
  await one.write(bytesOf("a"));
  await other.write(bytesOf("b"));
  await one.write(bytesOf(large));
  await one.write(bytesOf("c"));
  one.end();
  await other.write(bytesOf("d"));
  other.fail("it broke");
  expect([arrived().get(one.id), arrived().get(other.id)]).toEqual([`a${large}c.`, "bd."]);
});

it("a chunk is what it was when it was written", async () => {
  const stream = openGranted();
  const bytes = bytesOf("before");
  const writing = stream.write(bytes);
  bytes.fill(0x21);
  await writing;
  postChunks();
  expect(arrived().get(stream.id)).toBe("before");
});

it("a part of a larger buffer leaves without its neighbours", async () => {
  const stream = openGranted();
  await stream.write(bytesOf("secret public secret").subarray(7, 13));
  postChunks();
  expect(posted).toEqual([[PostOp.chunks, `${stream.id} 6`, bytesOf("public").buffer]]);
  expect(arrived().get(stream.id)).toBe("public");
});
