import { expect, it } from "vitest";
import { createRandom, type Random } from "../../test/soak/random.ts";
import { type Answer, joinAnswer, packMessages, splitAnswers, unpackValue } from "./batch.ts";
import { type EnterMessage, EnterOp } from "./boundary.ts";

const RUNS = 500;

function text(random: Random): string {
  const bytes = random.bytes(random.between(0, 40));
  return bytes.toString(random.pick(["latin1", "utf16le", "ascii"]));
}

function value(random: Random): unknown {
  return random.pick<() => unknown>([
    () => text(random),
    () => random.between(-5, 5) / random.between(0, 3),
    () => random.next() < 0.5,
    () => null,
    () => undefined,
    () => new Uint8Array(random.bytes(3)).buffer,
    () => [text(random), undefined, { key: 1 }],
    () => ({ text: text(random), none: undefined, isSet: true, number: random.between(1, 9) / 4 }),
    () => ({ bytes: new Uint8Array(random.bytes(3)).buffer, text: text(random) }),
  ])();
}

function list<T>(random: Random, most: number, make: (random: Random) => T): T[] {
  return Array.from({ length: random.between(0, most) }, () => make(random));
}

it.each([
  ["crosses in the text", { status: 200, body: "text", isLate: false, reason: null, none: undefined }, 0],
  ["with bytes does not", { status: 200, body: new ArrayBuffer(1) }, 1],
  ["with an object does not", { metadata: {} }, 1],
  ["with a number that JSON lacks does not", { ttl: Number.POSITIVE_INFINITY }, 1],
  ["with a long text does not", { text: "x".repeat(64 * 1024 + 1) }, 1],
  ["of a class does not", new Date(0), 1],
])("an object %s", (_what, object, extras) => {
  expect(packMessages([[EnterOp.result, 1, undefined, object]]).extras).toHaveLength(extras);
});

it("messages arrive as they were packed, in order", () => {
  for (let seed = 0; seed < RUNS; seed++) {
    const random = createRandom(seed);
    const messages = list(random, 8, (): EnterMessage => [EnterOp.result, 1, ...list(random, 6, value)]);
    const packed = packMessages(messages);
    const parsed = JSON.parse(packed.text) as unknown[][];
    const unpacked = parsed.map((one) => one.map((_, at) => unpackValue(one, at, packed.extras)));
    // JSON has one zero.
    expect(unpacked).toEqual(messages.map((one) => one.map((each) => (each === 0 ? 0 : each))));
  }
});

it("answers arrive as they were joined, in order", () => {
  for (let seed = 0; seed < RUNS; seed++) {
    const random = createRandom(seed);
    const answers = list(random, 8, (): Answer => {
      const id = random.between(1, 1e9);
      return { id, status: random.between(200, 599), headerBlock: text(random), body: text(random) };
    });
    const taken: Answer[] = [];
    const joined = answers.map((one) => joinAnswer(one.id, one.status, one.headerBlock, one.body)).join("");
    splitAnswers(joined, (one) => taken.push(one));
    expect(taken).toEqual(answers);
  }
});

it.each([
  undefined,
  5,
  {},
  "",
  "x",
  "1 200",
  "1 200 -5 9 x",
  "1 200 2 9 x",
  "1 200 NaN 0 ",
  "1 200 1.5 0 xx",
  `1 200 ${"9".repeat(400)} 0 x`,
])("a result that no platform made gives no answer: %j", (result) => {
  const taken: Answer[] = [];
  splitAnswers(result, (one) => taken.push(one));
  expect(taken).toEqual([]);
});
