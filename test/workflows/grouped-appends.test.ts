/** Appends that go together, on a real server that syncs each message to its disk. */
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { writeSyncedNats } from "../../bench/peers/synced-nats.ts";
import { connectNats, ensureJournals, Journals, type Nats, NoReplyError } from "../../nats/index.ts";
import { JournalWrites } from "../../nats/journals/journal-writes.ts";
import { startTestNats, type TestNats } from "../harness/nats.ts";

let program: { program: string } & AsyncDisposable;
let server: TestNats;
let nats: Nats;
let journals: Journals;

/** Appends go together wherever two wait, however fast the disk is. */
const ALWAYS = {
  noteAlone: () => undefined,
  noteBatch: () => undefined,
  noteUnfit: () => undefined,
  isSlow: (count: number) => count > 1,
  isBatch: (count: number) => count > 1,
  isUnknown: () => false,
};

beforeAll(async () => {
  program = await writeSyncedNats(inject("natsServer"));
  server = await startTestNats({ binary: program.program });
  nats = await connectNats({ url: server.url, name: "test" });
  await ensureJournals(nats);
  journals = new Journals(nats, new JournalWrites(nats, ALWAYS));
}, 30_000);

afterAll(async () => {
  await nats?.close();
  await server?.close();
  await program?.[Symbol.asyncDispose]();
});

const recordOf = (text: string) => JSON.stringify({ at: 1, seen: 1, state: "running", value: text });
const IN_AN_HOUR = Date.now() + 3_600_000;

it("are told their own sequences, and only a stale one is refused", async () => {
  const names = Array.from({ length: 24 }, (_, at) => ({ workflow: "many", id: `w${at}` }));
  const stale = 7;
  const dueOf = (at: number) => (at % 3 === 0 ? IN_AN_HOUR : undefined);
  const firsts = await Promise.all(
    names.map((name, at) => journals.append(name, recordOf(`first ${at}`), 0, dueOf(at))),
  );
  const seconds = await Promise.all(
    names.map((name, at) =>
      journals.append(name, recordOf(`second ${at}`), at === stale ? 0 : (firsts[at] ?? 0), dueOf(at)),
    ),
  );
  expect(seconds.filter((seq) => seq === undefined)).toHaveLength(1);
  const batches = new Set<string | undefined>();
  for (const [at, name] of names.entries()) {
    const [seq, text] =
      at === stale ? [firsts[at], recordOf(`first ${at}`)] : [seconds[at], recordOf(`second ${at}`)];
    const last = await journals.lastOf(`narun.w.many.${name.id}.log`);
    expect({ seq: last?.seq, text: last?.text }).toEqual({ seq, text });
    const log = (await journals.read(name)).filter(({ kind }) => kind === "log");
    expect(log.map((entry) => entry.seq)).toEqual(at === stale ? [firsts[at]] : [firsts[at], seconds[at]]);
    if (at % 3 === 0) {
      const timer = await journals.lastOf(`narun.w.many.${name.id}.at`);
      expect(timer?.headers?.get("Nats-Schedule")).toEqual([`@at ${new Date(IN_AN_HOUR).toISOString()}`]);
    }
  }
  // No append is stale now: the first goes alone, and the rest goes together.
  const again = await Promise.all(
    names.map((name, at) =>
      journals.append(name, recordOf("third"), (at === stale ? firsts[at] : seconds[at]) ?? 0),
    ),
  );
  expect(again).not.toContain(undefined);
  for (const { id } of names) {
    const last = await journals.lastOf(`narun.w.many.${id}.log`);
    batches.add(last?.headers?.get("Nats-Batch-Id")?.[0]);
  }
  batches.delete(undefined);
  expect(batches.size).toBe(1);
});

it("are stored once where the server dies between, and none is told that is not there", async () => {
  const names = Array.from({ length: 12 }, (_, at) => ({ workflow: "killed", id: `w${at}` }));
  const told: { id: string; text: string; seq: number }[] = [];
  let appended = 0;
  const { promise: half, resolve: onHalf } = Promise.withResolvers<void>();
  const run = async (name: { workflow: string; id: string }) => {
    let after = 0;
    for (let n = 0; n < 20; ) {
      const text = recordOf(`${name.id} ${n}`);
      const append = journals.append(name, text, after, n % 4 === 3 ? IN_AN_HOUR : undefined);
      const seq = await append.catch(unclear);
      expect(seq, "nobody else appends").toBeDefined();
      if (typeof seq === "number") told.push({ id: name.id, text, seq });
      // Without an answer the executor reads the journal, as its successor does.
      const last = typeof seq === "number" ? { seq, text } : await lastOf(name);
      after = last?.seq ?? 0;
      if (last?.text === text) n += 1;
      appended += 1;
      if (appended === 100) onHalf();
    }
  };
  const running = Promise.all(names.map(run));
  await half;
  await server.kill9();
  await running;
  const stored = await Promise.all(names.map((name) => journals.read(name)));
  for (const [at, { id }] of names.entries()) {
    const texts = stored[at]?.filter(({ kind }) => kind === "log").map(({ text }) => text) ?? [];
    expect(texts).toEqual(Array.from({ length: 20 }, (_, n) => recordOf(`${id} ${n}`)));
  }
  const all = stored.flat();
  for (const { text, seq } of told) expect(all.find((entry) => entry.seq === seq)?.text).toBe(text);
}, 60_000);

function unclear(error: unknown): "unclear" {
  if (error instanceof NoReplyError) return "unclear";
  throw error;
}

async function lastOf({ workflow, id }: { workflow: string; id: string }) {
  for (;;) {
    const last = await journals.lastOf(`narun.w.${workflow}.${id}.log`).catch(unclear);
    if (last !== "unclear") return last;
  }
}
