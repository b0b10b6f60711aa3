import { afterAll, expect, it } from "vitest";
import { createHeaders } from "../../contracts/index.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { connectNats } from "../connection.ts";
import type { Message } from "../message.ts";
import { askAll } from "./ask.ts";
import { Ledger } from "./ledger.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());
const server = closers.use(await startTestNats());
const connect = async (name: string) => {
  const nats = await connectNats({ url: server.url, name });
  closers.defer(() => nats.close());
  return nats;
};
const asker = await connect("asker");
const NOTHING = new Uint8Array();

/** An answerer of a subject's inquiries that answers after another one has answered. */
async function startAnswerer(
  subject: string,
  { answer, after }: { answer: (message: Message) => void; after?: Promise<void> },
): Promise<{ answered: Promise<void> }> {
  const nats = await connect("answerer");
  const answered = Promise.withResolvers<void>();
  nats.subscribe(subject, async (message) => {
    await after;
    answer(message);
    answered.resolve(nats.flush());
  });
  await nats.flush();
  return { answered: answered.promise };
}

/** A ledger that has seen more askers than it remembers, and can exclude no request. */
async function startForgetfulLedger(): Promise<Ledger> {
  const nats = await connect("forgetful");
  const ledger = new Ledger(nats);
  closers.defer(() => ledger.close());
  const seenAll = Promise.withResolvers<void>();
  let seen = 0;
  const take = ledger.guard((_message, done) => {
    done();
    seen += 1;
    if (seen === 65) seenAll.resolve();
  });
  nats.subscribe("many-askers", (message) => take(message, () => undefined));
  await nats.flush();
  for (let n = 0; n < 65; n++) asker.connection.publish("many-askers", NOTHING, { reply: `asker${n}.1` });
  await seenAll.promise;
  return ledger;
}

it("a request is running that one answerer has, though another one cannot exclude it and answers first", async () => {
  const forgetful = await startForgetfulLedger();
  const nats = await connect("holder");
  const holder = new Ledger(nats);
  closers.defer(() => holder.close());
  const taken = Promise.withResolvers<void>();
  const take = holder.guard(() => taken.resolve());
  nats.subscribe("held", (message) => take(message, () => undefined));
  await nats.flush();
  const first = await startAnswerer("ask.held", { answer: (message) => forgetful.answer(message) });
  await startAnswerer("ask.held", { answer: (message) => holder.answer(message), after: first.answered });

  const pending = asker.send("held", NOTHING, createHeaders(), () => undefined);
  await taken.promise;
  expect(await askAll(asker, "ask.held", [pending.subject])).toEqual(["running"]);
});

it("a request is over that no answerer has, and one cannot exclude", async () => {
  const answerWith = (state: string) => (message: Message) =>
    message.respond(JSON.stringify({ states: [state] }));
  const first = await startAnswerer("ask.over", { answer: answerWith("over") });
  await startAnswerer("ask.over", { answer: answerWith("new"), after: first.answered });
  expect(await askAll(asker, "ask.over", ["asker.1"])).toEqual(["over"]);
});

it("a request counts as running where an answer cannot be read", async () => {
  const first = await startAnswerer("ask.unreadable", {
    answer: (message) => message.respond(JSON.stringify({ states: ["new"] })),
  });
  await startAnswerer("ask.unreadable", {
    answer: (message) => message.respond("no answer of this version"),
    after: first.answered,
  });
  expect(await askAll(asker, "ask.unreadable", ["asker.1"])).toEqual(["running"]);
});
