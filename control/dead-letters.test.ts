import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHeaders, type DeadLetter, stores } from "../contracts/index.ts";
import { connectNats, type DeadLetters, type Nats, openDeadLetters } from "../nats/index.ts";
import { startTestNats, type TestNats } from "../test/harness/nats.ts";
import {
  fits,
  type LetterOutcome,
  listLetters,
  matchesSubject,
  purgeLetters,
  redriveLetters,
  showLetter,
} from "./dead-letters.ts";

let server: TestNats;
let nats: Nats;
let manager: JetStreamManager;
let letters: DeadLetters;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
  manager = await jetstreamManager(nats.connection);
  letters = await openDeadLetters(nats);
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

const letterOf = (facts: Partial<DeadLetter>): DeadLetter => ({
  ...{ function: "fn", stream: "orders", subject: "orders.a", sequence: 1, attempts: 5 },
  ...{ storedAt: "2026-11-30T00:00:00.000Z", diedAt: "2026-11-30T01:00:00.000Z" },
  error: { message: "no database" },
  ...facts,
});

const write = (facts: Partial<DeadLetter>, data = "x", fields: [string, string][] = []) =>
  letters.write(letterOf(facts), createHeaders(fields), Buffer.from(data));

async function storedIn(stream: string) {
  const { state } = await manager.streams.info(stream);
  const found: { subject: string; text: string; headers: Record<string, string[]> }[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
    const message = await manager.streams.getMessage(stream, { seq });
    if (message === null) continue;
    const { subject, data, header } = message;
    found.push({ subject, text: Buffer.from(data).toString(), headers: Object.fromEntries(header ?? []) });
  }
  return found;
}

async function redrive(filter: Parameters<typeof redriveLetters>[1]): Promise<LetterOutcome[]> {
  const outcomes: LetterOutcome[] = [];
  await redriveLetters(nats, filter, (outcome) => outcomes.push(outcome));
  return outcomes;
}

describe("a dead letter", () => {
  it("has the message, its error and where it came from, and is stored once", async () => {
    const error = {
      code: "HANDLER_THREW",
      message: "größer",
      stack: "Error: größer\n  at fn (index.ts:1:2)",
    };
    const fields: [string, string][] = [
      ["X-Mine", "1"],
      ["Nats-Msg-Id", "his"],
    ];
    await write({ function: "one", error }, "data", fields);
    await write({ function: "one", error }, "data", fields);
    const found = await listLetters(nats, { function: "one" });
    expect(found).toMatchObject([{ ...letterOf({ function: "one", error }), headers: { "X-Mine": ["1"] } }]);
    expect(Buffer.from(found[0]?.data ?? []).toString()).toBe("data");
  });

  it("may be as large as a message can be", async () => {
    const data = "x".repeat(nats.maxPayload - 100);
    await write({ function: "large" }, data);
    const [letter] = await listLetters(nats, { function: "large" });
    expect(letter?.data.byteLength).toBe(0);
    const shown = await showLetter(nats, letter?.id ?? 0);
    expect(Buffer.from(shown.data).equals(Buffer.from(data))).toBe(true);
    await purgeLetters(nats, { function: "large" }, ({ error }) => expect(error).toBeUndefined());
    expect(await listLetters(nats, { function: "large" })).toEqual([]);
  });

  it("that does not exist has a code", async () => {
    await expect(showLetter(nats, 999_999)).rejects.toMatchObject({ code: "DEAD_LETTER_NOT_FOUND" });
    await expect(listLetters(nats, { ids: [999_999] })).rejects.toMatchObject({
      code: "DEAD_LETTER_NOT_FOUND",
    });
  });
});

describe("dead letters that go back", () => {
  it("are in the order of their queue, for their function, and once however often it is repeated", async () => {
    await manager.streams.add({ name: "back", subjects: ["back.>"] });
    const facts = { function: "back", stream: "back" };
    for (const [sequence, subject] of [
      [3, "back.a"],
      [1, "back.a"],
      [2, "back.b"],
    ] as const)
      await write({ ...facts, sequence, subject }, String(sequence), [["X-Mine", "1"]]);
    const found = await listLetters(nats, facts);
    const outcomes = await redrive(facts);
    expect(outcomes.map(({ letter, error }) => [letter.sequence, error])).toEqual([
      [1, undefined],
      [2, undefined],
      [3, undefined],
    ]);
    expect(await listLetters(nats, facts)).toEqual([]);
    // As after a crash between the two steps.
    const [first] = found;
    if (first !== undefined) await letters.redrive(first);
    const stored = await storedIn("back");
    expect(stored.map(({ subject, text }) => [subject, text])).toEqual([
      ["back.a", "1"],
      ["back.b", "2"],
      ["back.a", "3"],
    ]);
    expect(stored[0]?.headers).toMatchObject({ "X-Mine": ["1"], "Narun-Redrive-For": ["back"] });
  });

  it("stay where their stream is gone, with a code", async () => {
    const facts = { function: "lost", stream: "gone" };
    await write({ ...facts, subject: "nowhere.a" });
    const outcomes = await redrive(facts);
    expect(outcomes.map(({ error }) => error?.code)).toEqual(["QUEUE_STREAM_MISSING"]);
    expect((await listLetters(nats, facts)).length).toBe(1);
  });

  it("stay where another stream stores their subject", async () => {
    await manager.streams.add({ name: "former", subjects: ["former.>"] });
    await manager.streams.add({ name: "other", subjects: ["moved.>"] });
    const facts = { function: "moved", stream: "former" };
    await write({ ...facts, subject: "moved.a" });
    const outcomes = await redrive(facts);
    expect(outcomes.map(({ error }) => error?.code)).toEqual(["QUEUE_STREAM_MISSING"]);
    expect((await storedIn("other")).length).toBe(0);
  });

  it("are written once more when they fail again", async () => {
    expect((await manager.streams.info(stores.deadLetters.stream)).config.duplicate_window).toBeGreaterThan(
      0,
    );
    const facts = { function: "again", sequence: 7 };
    await write(facts, "x", [["Narun-Redrive-For", "again"]]);
    await write({ ...facts, sequence: 8 });
    const found = await listLetters(nats, { function: "again" });
    expect(found.map(({ sequence, headers }) => [sequence, headers])).toEqual([
      [7, {}],
      [8, {}],
    ]);
  });
});

describe("a filter of letters", () => {
  const letter = { ...letterOf({}), id: 4, headers: {} };
  it.each([
    [{}, true],
    [{ ids: [4] }, true],
    [{ ids: [5] }, false],
    [{ subject: "orders.*" }, true],
    [{ subject: "orders" }, false],
    [{ since: new Date("2026-11-30T00:59:00Z") }, true],
    [{ since: new Date("2026-11-30T01:01:00Z") }, false],
    [{ error: "database" }, true],
    [{ error: "disk" }, false],
    [{ error: "database", subject: "x" }, false],
  ])("%j", (filter, isMeant) => {
    expect(fits(letter, filter)).toBe(isMeant);
  });

  it.each([
    ["orders.>", "orders.a.b", true],
    ["orders.>", "orders", false],
    ["*.a", "orders.a", true],
    ["*.a", "orders.b", false],
    [">", "x", true],
  ])("%s has %s: %s", (pattern, subject, has) => {
    expect(matchesSubject(pattern, subject)).toBe(has);
  });
});
