/** The forms of gRPC: every value comes back, no bytes make a reader fail, no error becomes OK. `GRPC_CASES` plays more. */
import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../../test/soak/random.ts";
import { type ErrorCode, errorCatalogue, errorEntry } from "../error-catalogue.ts";
import { FrameScanner, frameMessage, type GrpcMessage, splitMessages } from "./grpc-frames.ts";
import { decodeGrpcReply, decodeGrpcRequest, encodeGrpcReply, encodeGrpcRequest } from "./grpc-message.ts";
import {
  decodeGrpcMessage,
  encodeGrpcMessage,
  type GrpcCode,
  goNameOf,
  grpcCodeOf,
  grpcCodeOfHttpAnswer,
  grpcCodeOfService,
  grpcCodes,
  isGrpcCode,
  parseGrpcStatus,
} from "./grpc-status.ts";
import { formatGrpcTimeout, parseGrpcTimeout } from "./grpc-timeout.ts";
import { splitTrailers, trailingStatus } from "./grpc-trailing.ts";

const CASES = Number(process.env.GRPC_CASES ?? 2_000);

/** Calls `check` with each of the seeds. A failure names its seed. */
function forSeeds(check: (random: Random) => void): void {
  for (let seed = 1; seed <= CASES; seed += 1) {
    try {
      check(createRandom(seed));
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}

const textOf = (random: Random, length: number, from: number, to: number) =>
  Array.from({ length }, () => String.fromCharCode(random.between(from, to))).join("");
const value = (random: Random) => textOf(random, random.between(0, 40), 0x20, 0x7e).trim() || "v";
const metadata = (random: Random) =>
  Array.from({ length: random.between(0, 20) }).flatMap(() => [
    `x-${textOf(random, random.between(1, 3), 0x61, 0x63)}`,
    value(random),
  ]);
/** A code that is not OK. */
const code = (random: Random) => random.pick<GrpcCode>([1, 2, 5, 13, 16]);
const NO_DATA = new Uint8Array();

/** Pairs by name, as repeated keys keep their order among themselves only. */
function byName(fields: readonly string[]): Record<string, string[]> {
  const all: Record<string, string[]> = {};
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] ?? "";
    all[name] = [...(all[name] ?? []), fields[at + 1] ?? ""];
  }
  return all;
}

describe("messages with their prefixes", () => {
  it("come apart again, however they are cut", () => {
    forSeeds((random) => {
      const messages = Array.from({ length: random.between(0, 8) }, () => ({
        data: random.bytes(random.between(0, 300)),
        isCompressed: random.between(0, 1) === 1,
      }));
      const body = Buffer.concat(messages.map(({ data, isCompressed }) => frameMessage(data, isCompressed)));
      const plain = (all: GrpcMessage[] | undefined) =>
        all?.map(({ data, isCompressed }) => [Buffer.from(data).toString("hex"), isCompressed]);
      expect(plain(splitMessages(body))).toEqual(plain(messages));
      const scanner = new FrameScanner({ maxBytes: 300, mayCompress: true });
      const step = random.between(1, 40);
      for (let at = 0; at < body.length; at += step)
        expect(scanner.add(body.subarray(at, at + step))).toBeUndefined();
      expect([scanner.end(), scanner.messages]).toEqual([undefined, messages.length]);
    });
  });

  it("are found faulty or whole, alike by both readers, whatever the bytes are", () => {
    forSeeds((random) => {
      const body = random.bytes(random.between(0, 60)).map((byte) => (byte < 200 ? byte % 4 : byte));
      const scanner = new FrameScanner({ maxBytes: 2 ** 32, mayCompress: true });
      const fault = scanner.add(body) ?? scanner.end();
      expect(splitMessages(body) === undefined).toBe(fault !== undefined);
    });
  });

  it("are refused by their prefix where they are too large, or compressed without an encoding", () => {
    const scanner = () => new FrameScanner({ maxBytes: 4, mayCompress: false });
    expect(scanner().add(frameMessage(new Uint8Array(5)))).toMatchObject({ kind: "too-large", bytes: 5 });
    expect(scanner().add(Uint8Array.of(1))).toEqual({ kind: "not-encoded" });
    expect(scanner().add(Uint8Array.of(2))).toEqual({ kind: "bad-flag", flag: 2 });
    const cut = scanner();
    expect([cut.add(Uint8Array.of(0, 0)), cut.end()]).toEqual([undefined, { kind: "cut" }]);
  });
});

describe("texts", () => {
  it("of a status message come back, in visible ASCII", () => {
    forSeeds((random) => {
      const text = textOf(random, random.between(0, 60), 0, random.pick([0x7f, 0xff, 0xd7ff]));
      const encoded = encodeGrpcMessage(text);
      expect(encoded).toMatch(/^[ -~]*$/);
      expect(decodeGrpcMessage(encoded)).toBe(text);
    });
  });

  it("of a status message are read in every state", () => {
    forSeeds((random) => {
      expect(typeof decodeGrpcMessage(textOf(random, random.between(0, 20), 0x20, 0x30))).toBe("string");
    });
    expect(decodeGrpcMessage("a%zz%4")).toBe("a%zz%4");
    expect(encodeGrpcMessage("\t\nü☺%")).toBe("%09%0A%C3%BC%E2%98%BA%25");
  });

  it("of a timeout come back, at most one unit longer", () => {
    forSeeds((random) => {
      const ms = random.between(0, 1_000_000) * random.pick([0.001, 1, 1_000, 1_000_000]);
      const text = formatGrpcTimeout(ms);
      expect(text).toMatch(/^\d{1,8}[HMSmu]$/);
      expect(parseGrpcTimeout(text) ?? -1).toBeGreaterThanOrEqual(ms * (1 - 1e-12));
    });
  });

  it.each(["", "S", "1", "123456789S", "1s", "-1S", "1.5S", " 1S", "1S "])("%j is no timeout", (text) => {
    expect(parseGrpcTimeout(text)).toBeUndefined();
  });

  it.each([
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3_000],
    ["4m", 4],
    ["5u", 0.005],
    ["6n", 0.000006],
  ])("%j are %f ms", (text, ms) => expect(parseGrpcTimeout(text)).toBeCloseTo(ms, 9));
});

describe("a call as one message", () => {
  it("comes back", () => {
    forSeeds((random) => {
      const fields = metadata(random);
      const timeoutMs = random.between(0, 100_000_000);
      const facts = { path: "/pkg.Svc/Method", metadata: fields, timeoutMs, requestId: "id-1" };
      const read = decodeGrpcRequest({ headers: encodeGrpcRequest(facts), data: NO_DATA });
      expect(read).toMatchObject({ path: facts.path, requestId: facts.requestId });
      expect(byName(read?.metadata ?? [])).toEqual(byName(fields));
      expect(read?.timeoutMs ?? -1).toBeGreaterThanOrEqual(timeoutMs);
    });
  });

  it("comes back as its reply: OK, or an error with its code and text", () => {
    forSeeds((random) => {
      const [initial, trailing] = [metadata(random), metadata(random)];
      const error = random.between(0, 1) === 0 ? undefined : { code: code(random), message: value(random) };
      const read = decodeGrpcReply({
        headers: encodeGrpcReply({ initial, trailing, ...(error && { error }) }),
      });
      expect(read).toMatchObject(error === undefined ? { kind: "ok" } : { kind: "error", ...error });
      if (read.kind === "failed") throw new Error("it is narun's own");
      expect([byName(read.initial), byName(read.trailing)]).toEqual([byName(initial), byName(trailing)]);
    });
  });

  it("is never OK where the headers say that it failed, whatever they are", () => {
    forSeeds((random) => {
      const headers = encodeGrpcReply({ initial: metadata(random), trailing: [] });
      headers.set("Nats-Service-Error-Code", [textOf(random, random.between(0, 4), 0x2f, 0x3a)]);
      headers.set("Nats-Service-Error", [value(random)]);
      const read = decodeGrpcReply({ headers });
      expect(read.kind).toBe("error");
      if (read.kind === "error") expect(read.code).not.toBe(grpcCodes.OK);
    });
  });

  it("cannot carry metadata that would break its headers apart", () => {
    for (const bad of ["a\r\nb", "a\nNats-Service-Error: 1", "ü", "\0"])
      expect(
        encodeGrpcRequest({ path: "/a/b", metadata: ["x-a", bad], timeoutMs: 1, requestId: undefined }),
      ).toBeUndefined();
  });
});

describe("trailing metadata", () => {
  it("is what has its prefix or is gRPC's own, and the status is read out of it", () => {
    const { initial, trailing } = splitTrailers([
      ...["Content-Type", "application/grpc", "X-A", "1", "Trailer-X-B", "2"],
      ...["Grpc-Status", "5", "Grpc-Message", "a%20b", "Grpc-Status-Details-Bin", "CAU"],
    ]);
    expect(initial).toEqual(["x-a", "1"]);
    expect(trailingStatus(trailing)).toEqual({
      code: grpcCodes.NOT_FOUND,
      message: "a b",
      fields: ["x-b", "2", "grpc-status-details-bin", "CAU"],
    });
    expect(trailingStatus(["x-b", "2"])).toBeUndefined();
    expect(trailingStatus(["grpc-status", "what"])).toMatchObject({ code: grpcCodes.UNKNOWN });
  });
});

describe("codes", () => {
  it("has every error of the catalogue, and none is OK", () => {
    for (const error of Object.keys(errorCatalogue) as ErrorCode[]) {
      const mapped = grpcCodeOf(error);
      expect(isGrpcCode(mapped) && mapped !== grpcCodes.OK, error).toBe(true);
      const { retryable, status } = errorEntry(error);
      // Clients of gRPC repeat calls that were UNAVAILABLE.
      if (retryable === true && status !== undefined) expect(mapped, error).toBe(grpcCodes.UNAVAILABLE);
    }
  });

  it.each([
    ["NO_ROUTE", "UNIMPLEMENTED"],
    ["BAD_REQUEST", "INVALID_ARGUMENT"],
    ["BODY_TOO_LARGE", "RESOURCE_EXHAUSTED"],
    ["RESPONSE_TOO_LARGE", "RESOURCE_EXHAUSTED"],
    ["HOLD_QUEUE_FULL", "UNAVAILABLE"],
    ["NO_CONSUMER", "UNAVAILABLE"],
    ["GATEWAY_DRAINING", "UNAVAILABLE"],
    ["CONSUMER_DIED", "UNAVAILABLE"],
    ["STREAM_BROKEN", "UNAVAILABLE"],
    ["HANDLER_THREW", "UNKNOWN"],
    ["BAD_REPLY", "INTERNAL"],
    ["INTERNAL", "INTERNAL"],
    ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"],
    ["CPU_LIMIT", "RESOURCE_EXHAUSTED"],
    ["CLIENT_GONE", "CANCELLED"],
  ] as const)("%s is %s", (error, name) => expect(grpcCodeOf(error)).toBe(grpcCodes[name]));

  it("has none for an HTTP answer or a service's number that means OK", () => {
    for (let status = 0; status < 1_000; status += 1) {
      expect(grpcCodeOfHttpAnswer(status)).not.toBe(grpcCodes.OK);
      expect(grpcCodeOfService(String(status))).not.toBe(grpcCodes.OK);
    }
    expect(["400", "500", "501", "5", "0", "17", "x", undefined].map(grpcCodeOfService)).toEqual([
      ...[grpcCodes.INVALID_ARGUMENT, grpcCodes.INTERNAL, grpcCodes.UNIMPLEMENTED, grpcCodes.NOT_FOUND],
      ...[grpcCodes.UNKNOWN, grpcCodes.UNKNOWN, grpcCodes.UNKNOWN, grpcCodes.UNKNOWN],
    ]);
  });

  it("are read as numbers only, and named as Go names them", () => {
    expect(["0", "16", "17", "999999", "", "-1", "1.5", "x"].map(parseGrpcStatus)).toEqual([
      ...[grpcCodes.OK, grpcCodes.UNAUTHENTICATED, grpcCodes.UNKNOWN, grpcCodes.UNKNOWN],
      ...[undefined, undefined, undefined, undefined],
    ]);
    expect([0, 1, 12, 16, 99].map(goNameOf)).toEqual([
      ...["OK", "Canceled", "Unimplemented", "Unauthenticated", "Unknown"],
    ]);
  });
});
