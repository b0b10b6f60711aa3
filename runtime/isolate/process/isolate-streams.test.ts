import { expect, it } from "vitest";
import {
  EnterOp,
  INBOUND_CREDIT_BYTES,
  INBOUND_MORE_BYTES,
  INBOUND_WINDOW_BYTES,
  WINDOW_GAP_BYTES,
} from "../../../web/host/boundary.ts";
import { createIsolateStreams } from "./isolate-streams.ts";

function setUp() {
  const entered: [number, number][] = [];
  const violations: string[] = [];
  const streams = createIsolateStreams({
    enter: (_owner, op, id) => void entered.push([op, id]),
    onViolation: (what) => violations.push(what),
  });
  return { streams, entered, violations };
}

it("an isolate that grants more than a window is found out, whatever it takes for a number", () => {
  const { streams, violations } = setUp();
  let granted = 0;
  const inbound = streams.openInbound(1, {
    onCredit: (bytes) => {
      granted += bytes;
    },
    onCancel: () => undefined,
  });
  for (const bytes of [-1, 0, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "9", {}, 1e300])
    streams.credit(inbound.id, bytes);
  expect([granted, violations]).toEqual([0, []]);
  for (let n = 0; n < 100; n++) {
    streams.credit(inbound.id, 262_144);
    inbound.push(new ArrayBuffer(262_144));
  }
  expect(violations).toEqual([]);
  streams.credit(inbound.id, 2 ** 40);
  expect(violations).toHaveLength(1);
  expect(granted).toBe(100 * 262_144);
});

it("chunks without bytes go nowhere", () => {
  const { streams, violations } = setUp();
  const chunks: number[] = [];
  const outbound = streams.openOutbound(7, 1, {
    onChunk: (bytes) => chunks.push(bytes.byteLength),
    onEnd: () => undefined,
  });
  outbound?.grant(3);
  for (let n = 0; n < 1_000; n++) streams.chunk(7, n % 2 === 0 ? "" : new ArrayBuffer(0));
  streams.chunk(7, "abc");
  expect([chunks, violations]).toEqual([[3], []]);
});

it("chunks of many streams in one message go to their streams, and one that lies breaks its own", () => {
  const { streams, violations } = setUp();
  const texts = new Map<number, string>();
  const ends: number[] = [];
  const open = (id: number) =>
    streams
      .openOutbound(id, 1, {
        onChunk: (bytes) => void texts.set(id, `${texts.get(id) ?? ""}${Buffer.from(bytes)}`),
        onEnd: () => void ends.push(id),
      })
      ?.grant(100);
  for (const id of [1, 2, 3, 4]) open(id);
  const bytes = new TextEncoder().encode("abcdef").buffer;
  streams.chunks("1 2 9 1 2 1 1 2", bytes);
  expect(texts).toEqual(
    new Map([
      [1, "abef"],
      [2, "d"],
    ]),
  );
  for (const index of [undefined, {}, "", "x", "1", 7]) streams.chunks(index, bytes);
  streams.chunks("1 1", "no buffer");
  expect([violations, ends]).toEqual([[], []]);
  streams.chunks("2 7 1 1", bytes);
  streams.chunks("3 -1", bytes);
  streams.chunks("4 NaN 1 1", bytes);
  expect(ends).toEqual([2, 3, 4]);
  expect([violations.length, texts.get(1)]).toEqual([3, "abefaa"]);
});

it("a chunk of a common message is the receiver's own unless it borrows", () => {
  const { streams } = setUp();
  const sizes: number[] = [];
  const onChunk = (bytes: Uint8Array) => void sizes.push(bytes.buffer.byteLength);
  for (const [id, isBorrower] of [
    [1, true],
    [2, false],
  ] as const)
    streams.openOutbound(id, 1, { isBorrower, onChunk, onEnd: () => undefined })?.grant(100);
  streams.chunks("1 3 2 3", new ArrayBuffer(6));
  expect(sizes).toEqual([6, 3]);
});

it("a stream that was told of and never opened is cancelled, one that is open is not", () => {
  const { streams, entered } = setUp();
  streams.openOutbound(1, 1, { onChunk: () => undefined, onEnd: () => undefined });
  for (const id of [1, 2, "3", undefined]) streams.discard(id, 1);
  expect(entered).toEqual([[EnterOp.cancel, 2]]);
});

/** Numbers from 0 to 1, the same ones for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const PATTERN = Uint8Array.from({ length: 65_000 }, (_, at) => at % 251);

/** A stream whose bytes are passed on late, and an isolate that sends as much as it may: `step` does one of these. */
function carryMuch(random: () => number) {
  let credit = 0;
  let window: Uint8Array | undefined;
  let at = 0;
  let sent = 0;
  let arrived = 0;
  const waiting: (() => void)[] = [];
  const wrong: string[] = [];
  const violations: string[] = [];
  const streams = createIsolateStreams({
    enter(_owner, op, _id, bytes, shared) {
      if (op !== EnterOp.credit) return;
      credit += Number(bytes);
      if (shared !== undefined) window = new Uint8Array(shared as SharedArrayBuffer);
    },
    onViolation: (what) => violations.push(what),
  });
  const outbound = streams.openOutbound(1, 1, {
    isBorrower: true,
    onChunk(bytes, done) {
      waiting.push(() => {
        // Each byte tells its place in the stream: one that came too early overwrote it.
        if (bytes[0] !== arrived % 251 || bytes.at(-1) !== (arrived + bytes.byteLength - 1) % 251)
          wrong.push(`at ${arrived}`);
        arrived += bytes.byteLength;
        done();
      });
    },
    onEnd: (why) => wrong.push(`ended: ${why}`),
  });
  const send = () => {
    let size = Math.min(1 + Math.floor(random() * 64_000), credit);
    if (size === 0) return;
    if (window !== undefined) size = Math.min(size, window.byteLength - at);
    const bytes = PATTERN.slice(sent % 251, (sent % 251) + size);
    credit -= size;
    sent += size;
    if (window === undefined) return streams.chunk(1, bytes.buffer);
    window.set(bytes, at);
    at = (at + size) % window.byteLength;
    streams.chunk(1, size);
  };
  return {
    streams,
    wrong,
    violations,
    hasWindow: () => window !== undefined,
    progress: () => ({ sent, arrived }),
    step() {
      const choice = random();
      if (choice < 0.4) send();
      else if (choice < 0.7) waiting.shift()?.();
      else outbound?.grant(1 + Math.floor(random() * 100_000));
    },
    /** Sends and grants as both sides do, until nothing moves any more. */
    flow(windowBytes: number, total: number) {
      let owed = windowBytes;
      let granted = 0;
      for (let before = -1; before !== sent; ) {
        before = sent;
        owed += arrived - granted;
        granted = arrived;
        if (owed >= windowBytes / 2) outbound?.grant(owed);
        if (owed >= windowBytes / 2) owed = 0;
        for (let at = 0; at < 1 + random() * 8 && sent < total; at++) send();
        for (let at = waiting.length; at > 0; at--) waiting.shift()?.();
      }
    },
    finish() {
      for (let idle = 0; idle < 2; idle = waiting.length === 0 && credit === 0 ? idle + 1 : 0) {
        send();
        waiting.shift()?.();
      }
    },
  };
}

it("a stream that carries much keeps every byte until it was passed on, whatever is granted meanwhile", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const stream = carryMuch(randomFrom(seed));
    for (let at = 0; at < 300; at++) stream.step();
    stream.finish();
    const { sent, arrived } = stream.progress();
    expect([seed, stream.wrong, stream.violations, stream.hasWindow()]).toEqual([seed, [], [], true]);
    expect([arrived, sent > 1_000_000]).toEqual([sent, true]);
  }
});

it("a stream goes on to its end, whatever the sizes of its chunks and of its receiver's window", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const stream = carryMuch(randomFrom(seed));
    stream.flow(([64, 256, 1024, 4096][seed % 4] ?? 1) * 1024, 3_000_000);
    expect([seed, stream.progress().arrived >= 3_000_000, stream.wrong]).toEqual([seed, true, []]);
  }
});

it.each([
  ["more bytes of a window than lie in it", 300_000],
  ["no number of bytes", 0.5],
  ["less than none", -5],
])("an isolate that posts %s is found out", (_what, size) => {
  const stream = carryMuch(randomFrom(1));
  while (!stream.hasWindow()) stream.step();
  stream.streams.chunk(1, size);
  expect(stream.violations).toHaveLength(1);
});

it("bytes of a window are taken only where there is one", () => {
  const { streams, violations } = setUp();
  const chunks: number[] = [];
  streams
    .openOutbound(7, 1, { onChunk: (bytes) => chunks.push(bytes.byteLength), onEnd: () => undefined })
    ?.grant(9);
  streams.chunk(7, 5);
  expect([chunks, violations.length]).toEqual([[], 1]);
});

it("bytes to an isolate have a place in the ring only where it has read as many", () => {
  const { streams } = setUp();
  const inbound = streams.openInbound(1, { onCredit: () => undefined, onCancel: () => undefined });
  const bytes = new Uint8Array(65_536);
  const copied = () => {
    let count = 0;
    while (count < 100 && inbound.copy(bytes)) count += 1;
    return count;
  };
  streams.credit(inbound.id, INBOUND_CREDIT_BYTES);
  expect(copied()).toBe(0);
  for (let n = 0; n < 4; n++) inbound.push(new ArrayBuffer(65_536));
  const granted = INBOUND_CREDIT_BYTES + INBOUND_MORE_BYTES;
  expect(copied()).toBe(Math.floor((INBOUND_WINDOW_BYTES - WINDOW_GAP_BYTES - granted) / 65_536));
  streams.credit(inbound.id, 131_072);
  expect(copied()).toBe(2);
  inbound.end();
  streams.credit(inbound.id, 131_072);
});
