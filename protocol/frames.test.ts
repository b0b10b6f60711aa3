/** The frames of the protocols of Runtara: golden bytes, and bytes of any kind in any pieces. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeFrame,
  environment,
  FrameReader,
  type FrameType,
  frameTypes,
  instance,
  isProtocolFault,
  MAX_PAYLOAD_BYTES,
  type ProtocolFault,
  type ProtocolFrame,
} from "./index.ts";

const RUNS = Number(process.env.NARUN_FUZZ_RUNS ?? 300);

/** All frames of bytes that come in these pieces, and how they end. */
function readAll(pieces: readonly Uint8Array[], maxBytes?: number) {
  const reader = new FrameReader(maxBytes === undefined ? {} : { maxBytes });
  const frames: ProtocolFrame[] = [];
  for (const piece of pieces) {
    let rest = piece;
    for (;;) {
      const read = reader.read(rest);
      if (isProtocolFault(read)) return { frames, fault: read as ProtocolFault | undefined };
      if (read === undefined) break;
      frames.push(read.frame);
      rest = read.rest;
      if (rest.byteLength === 0) break;
    }
  }
  return { frames, fault: reader.end() };
}

/** Cuts bytes at places that a property chooses. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.byteLength + 1)), bytes.byteLength].sort(
    (a, b) => a - b,
  );
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

const types = Object.keys(frameTypes) as FrameType[];
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("a frame", () => {
  it.each([
    ["request", "", "000000000001"],
    ["response", "0a", "0000000100020a"],
    ["streamStart", "", "000000000003"],
    ["streamData", "ffff", "000000020004ffff"],
    ["streamEnd", "", "000000000005"],
    ["error", "00", "00000001000600"],
  ] as const)("of the type %s and the payload %j has these bytes", (type, payload, expected) => {
    expect(hex(encodeFrame(type, Buffer.from(payload, "hex")))).toBe(expected);
    const { frames, fault } = readAll([Buffer.from(expected, "hex")]);
    expect(frames.map((frame) => ({ ...frame, payload: hex(frame.payload) }))).toEqual([{ type, payload }]);
    expect(fault).toBeUndefined();
  });

  it("leaves the bytes behind it: a file follows the first frame of its stream", () => {
    const read = new FrameReader().read(
      Buffer.concat([encodeFrame("request", Buffer.from("a")), Buffer.from("file")]),
    );
    expect(read).toEqual({
      frame: { type: "request", payload: Uint8Array.from(Buffer.from("a")) },
      rest: Buffer.from("file"),
    });
  });

  it("beyond 64 MiB is refused by its head, on both sides", () => {
    expect(readAll([Buffer.from("040000010001", "hex")]).fault).toEqual({
      kind: "too-large",
      bytes: MAX_PAYLOAD_BYTES + 1,
      maxBytes: MAX_PAYLOAD_BYTES,
    });
    expect(() => encodeFrame("request", new Uint8Array(MAX_PAYLOAD_BYTES + 1))).toThrow(RangeError);
    expect(new FrameReader().read(Buffer.from("040000000001", "hex"))).toBeUndefined();
  });

  it.each(["000000000000", "000000000007", "000000000100", "00000000ffff"])(
    "with the head %s is none",
    (head) => {
      expect(readAll([Buffer.from(head, "hex")]).fault).toMatchObject({ kind: "unknown-type" });
    },
  );
});

describe("any frames", () => {
  const frame = fc.record({ type: fc.constantFrom(...types), payload: fc.uint8Array({ maxLength: 300 }) });

  it("come whole and in order, in whatever pieces", () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (sent, places) => {
          const bytes = Buffer.concat(sent.map(({ type, payload }) => encodeFrame(type, payload)));
          const { frames, fault } = readAll(cut(bytes, places));
          expect(fault).toBeUndefined();
          expect(frames).toEqual(
            sent.map(({ type, payload }) => ({ type, payload: Uint8Array.from(payload) })),
          );
        },
      ),
      { numRuns: RUNS },
    );
  });

  it("that are cut anywhere are told from whole ones", () => {
    fc.assert(
      fc.property(frame, fc.nat(), ({ type, payload }, place) => {
        const bytes = encodeFrame(type, payload);
        const length = 1 + (place % (bytes.byteLength - 1));
        expect(readAll([bytes.subarray(0, length)])).toEqual({ frames: [], fault: { kind: "cut" } });
      }),
      { numRuns: RUNS },
    );
  });
});

describe("any bytes", () => {
  const head = fc
    .tuple(fc.nat({ max: 200 }), fc.nat({ max: 9 }))
    .map(([length, type]) => Uint8Array.of(0, 0, 0, length, 0, type));
  const bytes = fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), head), { maxLength: 8 });

  it("are read alike in whatever pieces, and never beyond their end", () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(), { maxLength: 12 }), (parts, places) => {
        const whole = Buffer.concat(parts);
        const once = readAll([whole], 100);
        expect(readAll(cut(whole, places), 100)).toEqual(once);
        const taken = once.frames.reduce((sum, { payload }) => sum + 6 + payload.byteLength, 0);
        expect(taken).toBeLessThanOrEqual(whole.byteLength);
        for (const { payload } of once.frames) expect(payload.byteLength).toBeLessThanOrEqual(100);
      }),
      { numRuns: RUNS },
    );
  });

  it("are a message, or an error that can be caught; a message keeps the fields that are not known", () => {
    const schemas = [
      instance.RpcRequestSchema,
      instance.RpcResponseSchema,
      environment.RpcRequestSchema,
      environment.RpcResponseSchema,
    ];
    fc.assert(
      fc.property(fc.constantFrom(...schemas), bytes, (schema, parts) => {
        let message: ReturnType<typeof fromBinary>;
        try {
          message = fromBinary(schema, Uint8Array.from(Buffer.concat(parts)));
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          return;
        }
        expect(fromBinary(schema, toBinary(schema, message as never))).toEqual(message);
      }),
      { numRuns: RUNS },
    );
  });
});
