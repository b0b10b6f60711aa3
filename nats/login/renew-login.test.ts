/** A change of the login under load: a request, or its reply, may not get lost with the former connection. */
import { afterAll, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { connectNats } from "../connection.ts";
import { createHeaders } from "../headers.ts";
import { askOne } from "../ledger/ask.ts";
import { Ledger } from "../ledger/ledger.ts";
import type { Message } from "../message.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());
const server = closers.use(await startTestNats());
const connect = async (name: string) => {
  const nats = await connectNats({ url: server.url, name });
  closers.defer(() => nats.close());
  return nats;
};
const NOTHING = new Uint8Array();
const WAIT = { timeoutMs: 20_000 };

/** Two connections; the answers of the second are given by hand. */
async function startPair(subject: string) {
  const [asker, answerer] = [await connect("asker"), await connect("answerer")];
  const ledger = new Ledger(answerer);
  closers.defer(() => ledger.close());
  const taken: { message: Message; done: () => void }[] = [];
  const guarded = ledger.guard((message, done) => taken.push({ message, done }));
  answerer.subscribe(subject, (message) => guarded(message, () => undefined));
  answerer.subscribe(`ask.${subject}`, (message) => ledger.answer(message));
  await answerer.flush();
  const heard: string[] = [];
  return {
    asker,
    answerer,
    taken,
    heard,
    send: (text: string) =>
      asker.send(subject, text, createHeaders([]), (reply) => void heard.push(reply.text())),
    answer(at: number) {
      const one = taken[at];
      if (one === undefined) throw new Error("it has not come");
      one.message.respond(`answer to ${one.message.text()}`);
      one.done();
    },
    ask: (request: { subject: string }) => askOne(asker, `ask.${subject}`, [request.subject]),
  };
}

it("keeps the former connection until the answers under way are there, and what is asked meanwhile goes by the new one", async () => {
  const { asker, send, answer, taken, heard } = await startPair("renew.asker");
  const states: string[] = [];
  asker.onState((state) => states.push(state));
  send("1");
  await eventually(() => expect(taken).toHaveLength(1), WAIT);
  const renewed = asker.renewLogin();
  send("2");
  // The server has taken all that left before.
  await asker.connection.flush();
  expect([states, taken.length]).toEqual([[], 1]);
  answer(0);
  await renewed;
  expect(states).toEqual(["reconnecting", "connected"]);
  await eventually(() => expect(taken).toHaveLength(2), WAIT);
  answer(1);
  await eventually(() => expect(heard).toEqual(["answer to 1", "answer to 2"]), WAIT);
});

it("does not wait for ever for an answer", async () => {
  const { asker, send, answer, taken, heard } = await startPair("renew.silent");
  send("1");
  await asker.renewLogin();
  send("2");
  await eventually(() => expect(taken).toHaveLength(2), WAIT);
  answer(0);
  await eventually(() => expect(heard).toEqual(["answer to 1"]), WAIT);
});

it("sends nothing that was given up while it waited", async () => {
  const { asker, send, answer, taken } = await startPair("renew.given-up");
  send("1");
  await eventually(() => expect(taken).toHaveLength(1), WAIT);
  const renewed = asker.renewLogin();
  send("2").release();
  send("3");
  answer(0);
  await renewed;
  await eventually(() => expect(taken.map(({ message }) => message.text())).toEqual(["1", "3"]), WAIT);
});

it("flushes what waits for the new connection", async () => {
  const { asker, send, answer, taken } = await startPair("renew.flush");
  send("1");
  await eventually(() => expect(taken).toHaveLength(1), WAIT);
  const renewed = asker.renewLogin();
  let isRefused = false;
  asker.send("renew.nobody", NOTHING, createHeaders([]), () => {
    isRefused = true;
  });
  const flushed = asker.flush();
  answer(0);
  await flushed;
  expect(isRefused).toBe(true);
  await renewed;
});

it("keeps the answers that leave while an answerer changes its own login", async () => {
  const { answerer, send, answer, taken, heard, ask } = await startPair("renew.answerer");
  const request = send("1");
  await eventually(() => expect(taken).toHaveLength(1), WAIT);
  const renewed = answerer.renewLogin();
  answer(0);
  await renewed;
  // It hears what is asked of it.
  await answerer.flush();
  expect(await ask(request)).toEqual(["repeated"]);
  await eventually(() => expect(heard).toContain("answer to 1"), WAIT);
});

it("renews once more where it is asked to while it does", async () => {
  const { asker } = await startPair("renew.twice");
  const states: string[] = [];
  asker.onState((state) => states.push(state));
  await Promise.all([asker.renewLogin(), asker.renewLogin()]);
  expect(states).toEqual(["reconnecting", "connected", "reconnecting", "connected"]);
});

it("loses no request under load, whichever side changes its login", async () => {
  const [asker, answerer] = [await connect("asker"), await connect("answerer")];
  const ledger = new Ledger(answerer);
  closers.defer(() => ledger.close());
  const guarded = ledger.guard((message, done) => {
    message.respond(message.text());
    done();
  });
  answerer.subscribe("renew.load", (message) => guarded(message, () => undefined));
  answerer.subscribe("ask.renew.load", (message) => ledger.answer(message));
  await answerer.flush();
  let isOver = false;
  let calls = 0;
  const lost: string[] = [];
  const one = async () => {
    while (!isOver) {
      const text = String(calls++);
      const { promise, resolve } = Promise.withResolvers<string>();
      const request = asker.send("renew.load", text, createHeaders([]), (reply) =>
        resolve(reply.status === 503 ? "again" : reply.text()),
      );
      const looking = setInterval(async () => {
        // It has no answer while the answerer is away.
        const [state] = await askOne(asker, "ask.renew.load", [request.subject]).catch(() => []);
        if (state === "new") resolve("again");
        if (state === "over") resolve("over");
      }, 200);
      const answer = await promise;
      clearInterval(looking);
      request.release();
      if (answer !== text && answer !== "again") lost.push(`${text}: ${answer}`);
    }
  };
  const running = Array.from({ length: 16 }, one);
  for (let turn = 0; turn < 20; turn++) {
    await (turn % 2 === 0 ? asker : answerer).renewLogin();
    const before = calls;
    await eventually(() => expect(calls).toBeGreaterThan(before + 100), WAIT);
  }
  isOver = true;
  await Promise.all(running);
  expect(lost).toEqual([]);
}, 60_000);
