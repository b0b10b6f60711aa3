/** Binary HTTP under random messages and random damage, by a seed. `BHTTP_CASES` plays more. */
import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../../test/soak/random.ts";
import {
  type BhttpFraming,
  type BhttpRequest,
  type BhttpResponse,
  readBhttpRequest,
  readBhttpResponse,
  writeBhttpRequest,
  writeBhttpResponse,
} from "./bhttp.ts";
import { decodeBhttpReply, decodeBhttpRequest, encodeBhttpReply, encodeBhttpRequest } from "./bhttp-mode.ts";

const CASES = Number(process.env.BHTTP_CASES ?? 4_000);

const NAMES = ["accept", "x-many", "cookie", "set-cookie", "a", "!#$%&'*+-.^_`|~0"] as const;

function randomFields(random: Random): string[] {
  return Array.from({ length: random.between(0, 8) }).flatMap(() => {
    const length = random.pick([0, 1, 63, 64, 300]);
    const value = Array.from({ length }, () => String.fromCharCode(random.between(0x21, 0x7e))).join("");
    return [random.pick(NAMES), random.between(0, 3) === 0 ? `\xe9${value}\xff` : value];
  });
}

const body = (random: Random) => ({
  framing: random.pick<BhttpFraming>(["known", "indeterminate"]),
  fields: randomFields(random),
  content: random.bytes(random.pick([0, 1, 63, 64, 16_384])),
  trailers: randomFields(random),
});

const randomRequest = (random: Random): BhttpRequest => ({
  ...body(random),
  method: random.pick(["GET", "POST", "PROPFIND"]),
  scheme: random.pick(["", "http", "https"]),
  authority: random.pick(["", "example.org:8080", "[::1]"]),
  path: random.pick(["/", "/a%20b?c=%20", `/${"x".repeat(4_000)}`, "*"]),
});

const randomResponse = (random: Random): BhttpResponse => ({
  ...body(random),
  status: random.between(200, 599),
  informational: Array.from({ length: random.between(0, 2) }, () => ({
    status: random.between(100, 199),
    fields: randomFields(random),
  })),
});

/** Changes some bytes, cuts the end off, or adds to it. */
function damage(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  for (let times = random.between(0, 3); times > 0 && copy.length > 0; times--)
    copy[random.between(0, copy.length - 1)] = random.pick([
      0,
      1,
      0x3f,
      0x40,
      0x80,
      0xc0,
      0xff,
      random.between(0, 255),
    ]);
  const length = random.between(0, 2) === 0 ? random.between(0, copy.length) : copy.length;
  return Buffer.concat([copy.subarray(0, length), random.bytes(random.pick([0, 0, 5]))]);
}

describe.each([1, 2])("with the seed %i", (seed) => {
  it("brings every message through unchanged", () => {
    const random = createRandom(seed);
    for (let round = 0; round < CASES / 20; round++) {
      const request = randomRequest(random);
      expect(readBhttpRequest(writeBhttpRequest(request) ?? Buffer.alloc(0))).toEqual({
        ok: true,
        message: request,
      });
      const response = randomResponse(random);
      const read = readBhttpResponse(writeBhttpResponse(response) ?? Buffer.alloc(0));
      expect(read).toEqual({ ok: true, message: response });
    }
  });

  it("reads damaged messages as messages that can be written again, or refuses them", () => {
    const random = createRandom(seed);
    const sources = Array.from({ length: 20 }, () => [
      writeBhttpRequest(randomRequest(random)) ?? Buffer.alloc(0),
      writeBhttpResponse(randomResponse(random)) ?? Buffer.alloc(0),
    ]).flat();
    let read = 0;
    for (let round = 0; round < CASES; round++) {
      const bytes = damage(sources[random.between(0, sources.length - 1)] ?? Buffer.alloc(0), random);
      const request = readBhttpRequest(bytes);
      const response = readBhttpResponse(bytes);
      if (request.ok) {
        read += 1;
        expect(readBhttpRequest(writeBhttpRequest(request.message) ?? Buffer.alloc(0))).toEqual(request);
      }
      if (response.ok) {
        read += 1;
        expect(readBhttpResponse(writeBhttpResponse(response.message) ?? Buffer.alloc(0))).toEqual(response);
      }
      // The mode above the codec takes the same bytes.
      decodeBhttpRequest(bytes, undefined);
      decodeBhttpReply(bytes, { names: "lower", omitted: new Set() });
    }
    expect(read).toBeGreaterThan(CASES / 20);
  });

  it("brings requests and replies through the mode, but for fields that do not travel", () => {
    const random = createRandom(seed);
    const stays = [
      "connection",
      "close",
      "te",
      "trailers",
      "narun-hops",
      "3",
      "x-original-path",
      "/x",
      "nats-msg-id",
      "1",
    ];
    for (let round = 0; round < CASES / 20; round++) {
      const { fields, content } = body(random);
      const own = fields.filter((_, at) => fields[at - (at % 2)] !== "cookie");
      const facts = {
        method: "PUT",
        rawPath: "/a%20b",
        query: random.pick(["", "c=1"]),
        host: "h:1",
        fields: own,
      };
      const encoded = encodeBhttpRequest({ ...facts, scheme: "https", fields: [...own, ...stays] }, content);
      const decoded = decodeBhttpRequest(encoded.ok ? encoded.data : content, undefined);
      expect(decoded).toMatchObject({
        ok: true,
        message: {
          ...facts,
          scheme: "https",
          content,
          fields: [...own, "content-length", `${content.length}`],
        },
      });
      const reply = encodeBhttpReply(200, [...own, ...stays], content, "GET") ?? content;
      expect(decodeBhttpReply(reply, { names: "lower", omitted: new Set(["content-length"]) })).toMatchObject(
        {
          ok: true,
          message: { status: 200, fields: own, content, announcedLength: `${content.length}` },
        },
      );
    }
  });
});

it("takes time in proportion to the bytes of a message, whatever it claims", () => {
  const tiny = Buffer.concat([
    Buffer.from("0203474554000001" + "2f", "hex"),
    Buffer.alloc(3 * 300_000, Buffer.from([1, 0x61, 0])),
    Buffer.from([0]),
  ]);
  const chunks = Buffer.concat([
    Buffer.from("0203474554000001" + "2f00", "hex"),
    Buffer.alloc(2 * 400_000, Buffer.from([1, 0x61])),
    Buffer.from([0]),
  ]);
  const startedMs = performance.now();
  expect(decodeBhttpRequest(tiny, undefined)).toMatchObject({ ok: true });
  expect(decodeBhttpRequest(chunks, undefined)).toMatchObject({ ok: true });
  // Some tens of milliseconds. A copy for each piece would take minutes.
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});
