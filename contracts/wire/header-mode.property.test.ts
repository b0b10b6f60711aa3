import { afterAll, describe, expect, it } from "vitest";
import { connectNats } from "../../nats/connection.ts";
import { formatFields } from "../../nats/headers.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { createRandom, type Random } from "../../test/soak/random.ts";
import { decodeReply, decodeRequest, encodeReply, encodeRequest, type RequestFacts } from "./header-mode.ts";
import { type Headers, messageBytes } from "./headers.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());

const TRAVELS = [
  "Accept",
  "X-Many",
  "x-many",
  "X-MANY",
  "cookie",
  "Cookie",
  "set-cookie",
  "X-Empty",
  "a",
  "!#$%&'*+-.^_`|~0",
] as const;
const STAYS = [
  "connection",
  "Keep-Alive",
  "TE",
  "transfer-encoding",
  "Upgrade",
  "Narun-Path",
  "nats-msg-id",
  "X-Original-Method",
  "x-response-status-code",
] as const;
const REQUEST_ONLY_STAYS = ["Host", "expect", "X-Forwarded-For", "forwarded"] as const;
const LISTED = ["close", "x-many", "keep-alive, X-Empty", ""] as const;

/** A value of bytes that HTTP carries, without white space at its ends, which does not belong to it. */
function randomValue(random: Random): string {
  const length = random.pick([0, 1, 3, 20, 300]);
  const high = random.pick([0x7e, 0x7e, 0xff]);
  const text = Array.from({ length }, () => String.fromCharCode(random.between(0x20, high)))
    .join("")
    .replaceAll("\x7f", "\t");
  return (random.between(0, 3) === 0 ? Buffer.from("Zürich 東京 🙂").toString("latin1") + text : text).trim();
}

function randomFields(random: Random, stays: readonly [string, ...string[]]): string[] {
  return Array.from({ length: random.between(0, 12) }).flatMap(() => {
    const name = random.between(0, 2) === 0 ? random.pick(stays) : random.pick(TRAVELS);
    if (name === "connection") return [name, random.pick(LISTED)];
    // The line of an empty one ends with the space of its separator, which readers trim.
    const least = /cookie/i.test(name) ? "a=" : "";
    return [name, least + randomValue(random)];
  });
}

/** The fields that travel: names in lower case, fields of one name together, one line of `Cookie`. */
function travelling(fields: readonly string[], stays: readonly string[]): string[] {
  const pairs = Array.from({ length: fields.length / 2 }, (_, at) => {
    return [(fields[2 * at] ?? "").toLowerCase(), fields[2 * at + 1] ?? ""] as const;
  });
  const listed = pairs.flatMap(([name, value]) =>
    name === "connection" ? value.toLowerCase().split(/, */) : [],
  );
  const lost = new Set([...stays.map((name) => name.toLowerCase()), ...listed]);
  const grouped = Map.groupBy(
    pairs.filter(([name]) => !lost.has(name)),
    ([name]) => name,
  );
  return [...grouped].flatMap(([name, ofName]) => {
    const values = ofName.map(([, value]) => value);
    return (name === "cookie" ? [values.join("; ")] : values).flatMap((value) => [name, value]);
  });
}

function randomRequest(random: Random): RequestFacts {
  return {
    method: random.pick(["GET", "POST", "PROPFIND"]),
    rawPath: `/${random.pick(["", "a%20b", "J%C3%BCrgen", "%ff", "%0a%", "a%20%20"])}`,
    query: random.pick(["", "a=1&b=%20"]),
    host: random.pick(["", "example.org:8080", "[::1]"]),
    scheme: random.pick(["http", "https"]),
    fields: randomFields(random, [...STAYS, ...REQUEST_ONLY_STAYS]),
    requestId: random.pick([undefined, "77032fa5-f919-44cb-a90c-fe8c14fdcd62"]),
    hops: random.between(0, 16),
    isUpgrade: random.pick([true, false]),
  };
}

const client = { address: "192.0.2.7", remoteAddress: "192.0.2.7:4711" };
const NOTHING = new Uint8Array();
const LOWER = { names: "lower", omitted: new Set<string>() } as const;
/** Fields that the gateway writes itself, as the decoded request has them. */
const WRITTEN_BY_GATEWAY = /^x-forwarded-/;

function ownFields({ fields }: RequestFacts): string[] {
  return fields.flatMap((name, at) =>
    at % 2 === 0 && !WRITTEN_BY_GATEWAY.test(name) ? [name, fields[at + 1] ?? ""] : [],
  );
}

describe.each([1, 2, 3, 4])("with the seed %i", (seed) => {
  it("brings a request through unchanged, but for the fields that do not travel", () => {
    const random = createRandom(seed);
    for (let round = 0; round < 500; round++) {
      const facts = randomRequest(random);
      const headers = encodeRequest(facts, { client });
      const decoded = decodeRequest({ headers, data: NOTHING }, "hello");
      const expected = { ...facts, fields: travelling(facts.fields, [...STAYS, ...REQUEST_ONLY_STAYS]) };
      expect({ ...decoded, fields: ownFields(decoded) }).toEqual(expected);
    }
  });

  it("brings a reply through unchanged, but for the fields that do not travel", () => {
    const random = createRandom(seed);
    for (let round = 0; round < 500; round++) {
      const status = random.between(200, 599);
      const fields = randomFields(random, STAYS);
      const headers = encodeReply(status, fields);
      expect(decodeReply({ headers, data: NOTHING }, LOWER)).toMatchObject({
        status,
        fields: travelling(fields, STAYS),
        isValid: true,
      });
    }
  });

  it("counts the bytes that a message has on the wire", () => {
    const random = createRandom(seed);
    for (let round = 0; round < 200; round++) {
      const headers = encodeReply(200, randomFields(random, STAYS)) ?? new Map();
      const block = `NATS/1.0\r\n${formatFields(headers)}\r\n`;
      const data = random.pick(["", "text", "🙂"]);
      expect(messageBytes(headers, data)).toBe(Buffer.byteLength(block) + Buffer.byteLength(data));
    }
  });
});

it("comes through a server as it was encoded, up to the last byte of what a message may have", async () => {
  const server = closers.use(await startTestNats());
  const nats = await connectNats({ url: server.url, name: "codec" });
  closers.defer(() => nats.close());
  const random = createRandom(5);
  const sent: Headers[] = [];
  const taken: Headers[] = [];
  nats.subscribe("codec", (message) => void taken.push(message.headers ?? new Map()));
  for (let round = 0; round < 100; round++) {
    const headers = encodeRequest(randomRequest(random), { client, timeoutMs: 1_000 }) ?? new Map();
    const room = nats.maxPayload - messageBytes(headers, "");
    nats.publish("codec", round < 97 ? "" : Buffer.alloc(room), headers);
    sent.push(headers);
    if (round === 97)
      expect(() => nats.publish("codec", Buffer.alloc(room + 1), headers)).toThrow(RangeError);
  }
  await nats.confirm();
  expect(taken).toEqual(sent);
});
