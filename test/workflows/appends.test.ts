/** Appends to journals, on a server that dies meanwhile. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { connectNats, ensureJournals, Journals, type Nats, NoReplyError } from "../../nats/index.ts";
import { startTestNats, type TestNats } from "../harness/nats.ts";

let server: TestNats;
let nats: Nats;
let journals: Journals;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
  await ensureJournals(nats);
  journals = new Journals(nats);
}, 30_000);

afterAll(async () => {
  await nats?.close();
  await server?.close();
});

const recordOf = (text: string) => JSON.stringify({ at: 1, seen: 1, state: "running", value: text });
const IN_AN_HOUR = Date.now() + 3_600_000;

it("records are stored once where the server dies between, and none is told that is not there", async () => {
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
