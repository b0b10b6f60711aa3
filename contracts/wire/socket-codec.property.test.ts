/** Frames come out of the bytes as they went in, wherever the reads cut them; malformed ones are told apart. */
import { describe, expect, it } from "vitest";
import { sha256Hex } from "../../machine/index.ts";
import { createRandom, type Random } from "../../test/soak/random.ts";
import { FrameBatch } from "./socket-batch.ts";
import {
  MAX_SOCKET_BODY_BYTES,
  MAX_SOCKET_FRAME_BYTES,
  MAX_SOCKET_HEAD_BYTES,
  readErrorFrame,
  readRequestFrame,
  readResponseFrame,
  readStreamFrame,
  socketFrames,
} from "./socket-frames.ts";
import { formatRequestHead, isHeadLine, readRequestHead } from "./socket-head.ts";
import { FrameSplitter } from "./socket-splitter.ts";

/** A frame as it is written, and as it is read. */
type Sample = (batch: FrameBatch) => Record<string, unknown>;

/** Bytes in a short form: a difference is readable. */
const textOf = (body: Uint8Array | string | undefined) => {
  const bytes = Buffer.from((body ?? "") as Uint8Array);
  return bytes.length < 50 ? bytes.toString("latin1") : `${bytes.length} ${sha256Hex(bytes)}`;
};

function sampleOf(random: Random): Sample {
  const number = random.pick([0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1, random.between(0, 2 ** 40)]);
  const size = random.pick([0, 0, 5, 300, 16_383, 16_384, 40_000, 65_536]);
  const body = random.pick<Uint8Array | string | undefined>([
    undefined,
    random.bytes(Math.min(size, 500)),
    Buffer.alloc(size, random.between(1, 255)),
    "ä€😀x".repeat(size / 10),
  ]);
  const block = random.pick(["", "content-type\ntext/plain\n", `x\n${"\xe4".repeat(size)}\n`]);
  const bytes = textOf(body);
  switch (random.between(0, 4)) {
    case 0: {
      const [instance, timeoutMs] = [random.between(0, 2 ** 32 - 1), random.between(0, 2 ** 32 - 1)];
      const [flags, hops] = [random.between(0, 7), random.between(0, 16)];
      return (batch) => {
        batch.request(number, instance, flags, hops, timeoutMs, block, body);
        return { kind: "request", number, instance, flags, hops, timeoutMs, head: block, bytes };
      };
    }
    case 1:
      return (batch) => {
        batch.response(number, 200, block, body);
        return { kind: "response", number, status: 200, block, bytes };
      };
    case 2:
      return (batch) => {
        batch.head(number, 101, block);
        return { kind: "head", number, status: 101, block, bytes: "" };
      };
    case 3: {
      const limit = random.pick([undefined, 0, 30_000]);
      return (batch) => {
        batch.error(number, "CPU_LIMIT", limit);
        return { kind: "error", number, code: "CPU_LIMIT", limit };
      };
    }
    default:
      return (batch) => {
        batch.stream(number, "end 7", block, body);
        return { kind: "stream", number, text: "end 7", trailers: block, bytes };
      };
  }
}

/** Reads a frame by its type; undefined where it is malformed. */
function read(
  type: number,
  number: number,
  buffer: Buffer,
  start: number,
  end: number,
  keep: (start: number, end: number) => Uint8Array | undefined,
): Record<string, unknown> | undefined {
  if (type === socketFrames.request) {
    const { bodyStart, ...frame } = readRequestFrame(buffer, start, end) ?? { bodyStart: -1 };
    return bodyStart < 0
      ? undefined
      : { kind: "request", number, ...frame, bytes: textOf(keep(bodyStart, end)) };
  }
  if (type === socketFrames.stream) {
    const { payloadStart, ...frame } = readStreamFrame(buffer, start, end) ?? { payloadStart: -1 };
    return payloadStart < 0
      ? undefined
      : { kind: "stream", number, ...frame, bytes: textOf(keep(payloadStart, end)) };
  }
  if (type === socketFrames.error) {
    const frame = readErrorFrame(buffer, start, end);
    return frame && { kind: "error", number, ...frame };
  }
  const kind = type === socketFrames.response ? "response" : "head";
  const { bodyStart, ...frame } = readResponseFrame(buffer, start, end) ?? { bodyStart: -1 };
  return bodyStart < 0 ? undefined : { kind, number, ...frame, bytes: textOf(keep(bodyStart, end)) };
}

/** Splits bytes that come in the given pieces. */
function split(pieces: readonly Uint8Array[]): { frames: unknown[]; isValid: boolean } {
  const frames: unknown[] = [];
  const splitter: FrameSplitter = new FrameSplitter((type, number, buffer, start, end) => {
    const frame = read(type, number, buffer, start, end, (from, to) => splitter.keep(from, to));
    if (frame === undefined) return false;
    frames.push(frame);
    return true;
  });
  return { isValid: pieces.every((piece) => splitter.push(piece)), frames };
}

function written(samples: readonly Sample[]): { bytes: Buffer; frames: unknown[] } {
  const batch = new FrameBatch();
  const frames = samples.map((sample) => sample(batch));
  const { waitingBytes } = batch;
  const bytes = Buffer.concat(batch.take());
  expect(bytes.length).toBe(waitingBytes);
  return { bytes, frames };
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...at, bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

describe("frames on a socket", () => {
  it("come out as they went in, cut at random places", () => {
    const random = createRandom(1);
    for (let run = 0; run < 300; run++) {
      const { bytes, frames } = written(
        Array.from({ length: random.between(1, 12) }, () => sampleOf(random)),
      );
      const places = Array.from({ length: random.between(0, 8) }, () => random.between(0, bytes.length));
      const pieces = cut(
        bytes,
        places.toSorted((one, other) => one - other),
      );
      expect(split(pieces)).toEqual({ frames, isValid: true });
    }
  });

  it("come out as they went in, cut at every place", () => {
    const { bytes, frames } = written([
      (batch) => {
        batch.request(5, 3, 1, 0, 30_000, "GET\nhttp\n\n/\n\n\n\n", "body");
        return {
          kind: "request",
          number: 5,
          instance: 3,
          flags: 1,
          hops: 0,
          timeoutMs: 30_000,
          head: "GET\nhttp\n\n/\n\n\n\n",
          bytes: "body",
        };
      },
      (batch) => {
        batch.stream(5, "credit 5", "", undefined);
        return { kind: "stream", number: 5, text: "credit 5", trailers: "", bytes: "" };
      },
      (batch) => {
        batch.error(6, "CPU_LIMIT", 5);
        return { kind: "error", number: 6, code: "CPU_LIMIT", limit: 5 };
      },
    ]);
    for (let first = 0; first <= bytes.length; first++)
      for (let second = first; second <= bytes.length; second++)
        expect(split(cut(bytes, [first, second]))).toEqual({ frames, isValid: true });
  });

  it("keep their bytes when later reads and frames come", () => {
    const kept: (Uint8Array | undefined)[] = [];
    const splitter: FrameSplitter = new FrameSplitter((_type, _number, buffer, start, end) => {
      const { bodyStart } = readResponseFrame(buffer, start, end) ?? { bodyStart: end };
      kept.push(splitter.keep(bodyStart, end));
      return true;
    });
    const batch = new FrameBatch();
    const sizes = [1, 70_000, 30, 65_536, 40_000, 65_536, 3, 65_536, 65_536, 600_000, 5, 65_536];
    for (const [index, size] of sizes.entries()) {
      batch.response(index, 200, "", Buffer.alloc(size, index));
      const pieces = batch.take();
      for (const piece of pieces) expect(splitter.push(piece)).toBe(true);
      batch.left(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
    }
    for (const [index, size] of sizes.entries())
      expect(Buffer.alloc(size, index).equals(kept[index] ?? new Uint8Array())).toBe(true);
  });

  it("are not written over before they have left", () => {
    const batch = new FrameBatch();
    batch.response(1, 200, "first", "one");
    const first = Buffer.concat(batch.take());
    const taken = batch.take();
    batch.response(1, 200, "first", "one");
    const pieces = batch.take();
    batch.response(2, 200, "other", "two");
    batch.take();
    expect(Buffer.concat([...taken, ...pieces]).equals(first)).toBe(true);
  });

  it("refuse a head that HTTP does not have, and a part that is too large", () => {
    const batch = new FrameBatch();
    expect(() => batch.response(1, 200, "x\n\u010a\n", "")).toThrow(TypeError);
    expect(() => batch.stream(1, "end 0", "\u0100", undefined)).toThrow(TypeError);
    expect(() => batch.request(1, 1, 0, 0, 0, "€", undefined)).toThrow(TypeError);
    expect(() => batch.head(1, 200, "x".repeat(MAX_SOCKET_HEAD_BYTES + 1))).toThrow(RangeError);
    expect(() => batch.response(1, 200, "", new Uint8Array(MAX_SOCKET_BODY_BYTES + 1))).toThrow(RangeError);
    expect(batch.waitingBytes).toBe(0);
  });

  it("leave nothing of a frame behind whose numbers have no room", () => {
    const batch = new FrameBatch();
    batch.error(1, "CPU_LIMIT", 5);
    expect(() => batch.request(2, 1, 0, 256, 0, "GET\n", undefined)).toThrow(RangeError);
    expect(() => batch.request(2, 2 ** 32, 0, 0, 0, "GET\n", undefined)).toThrow(RangeError);
    expect(() => batch.response(2, 65_536, "", "")).toThrow(RangeError);
    expect(() => batch.stream(2, "x".repeat(256), "", undefined)).toThrow(RangeError);
    expect(() => batch.error(2, "x".repeat(256), undefined)).toThrow(RangeError);
    batch.error(3, "CPU_LIMIT", 5);
    expect(split(batch.take())).toMatchObject({ frames: [{ number: 1 }, { number: 3 }], isValid: true });
  });

  it("end the reading where a length is out of bounds", () => {
    const { bytes } = written([(batch) => ({ done: batch.error(1, "CPU_LIMIT", 1) })]);
    for (const length of [0, 6, MAX_SOCKET_FRAME_BYTES + 1, 2 ** 32 - 1]) {
      const wrong = Buffer.from(bytes);
      wrong.writeUInt32LE(length, 0);
      expect(split([wrong]).isValid).toBe(false);
    }
  });

  it("are read within their bounds, whatever their bytes say", () => {
    const random = createRandom(2);
    for (let run = 0; run < 3_000; run++) {
      const { bytes } = written([sampleOf(random)]);
      for (let count = random.between(1, 4); count > 0; count--)
        bytes[random.between(4, Math.min(bytes.length - 1, 40))] = random.between(0, 255);
      const { frames } = split([bytes]);
      for (const frame of frames)
        expect(JSON.stringify(frame).length).toBeLessThanOrEqual(bytes.length * 6 + 200);
    }
  });
});

describe("the head of a request", () => {
  const head = {
    method: "GET",
    scheme: "https",
    host: "example.test:8080",
    rawPath: "/a%20b",
    query: "x=1",
    requestId: "id",
    remoteAddress: "127.0.0.1:1",
    block: "accept\n*/*\nx-a\n\xe4\n",
  } as const;

  it("comes out of its text as it went in", () => {
    expect(readRequestHead(formatRequestHead(head))).toEqual(head);
    const empty = { ...head, host: "", query: "", requestId: "", remoteAddress: "", block: "" };
    expect(readRequestHead(formatRequestHead(empty))).toEqual(empty);
  });

  it("is not read where a line is missing", () => {
    for (const text of ["", "GET", "GET\nhttp\nhost\n/\n\n\n", "\nhttp\n\n/\n\n\n\n"])
      expect(readRequestHead(text)).toBeUndefined();
  });

  it("has lines of bytes only", () => {
    expect(isHeadLine("/a%20b")).toBe(true);
    expect(isHeadLine("a\nb")).toBe(false);
    expect(isHeadLine("€")).toBe(false);
  });
});
