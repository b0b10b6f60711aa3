import { afterAll, expect, it } from "vitest";
import { InquiryReplySchema } from "../../contracts/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { connectNats } from "../connection.ts";
import { createHeaders } from "../headers.ts";
import type { Message } from "../message.ts";
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
const answerer = await connect("answerer");
const NOTHING = new Uint8Array();

/** A subscriber that notes the messages on a subject, and never answers by itself. */
async function startAnswerer(subject: string) {
  const ledger = new Ledger(answerer);
  closers.defer(() => ledger.close());
  const taken: { message: Message; done: () => void }[] = [];
  const guarded = ledger.guard((message, done) => taken.push({ message, done }));
  answerer.subscribe(subject, (message) => guarded(message, () => undefined));
  answerer.subscribe(`ask.${subject}`, (message) => ledger.answer(message));
  await answerer.flush();
  const heard: string[] = [];
  return {
    taken,
    heard,
    send: () => asker.send(subject, NOTHING, createHeaders([]), (reply) => heard.push(reply.text())),
    /** A request that is lost on its way. */
    lose: () => asker.send("nowhere", NOTHING, createHeaders([]), () => undefined),
    async ask(...requests: { subject: string }[]) {
      const question = JSON.stringify({ requests: requests.map((one) => one.subject) });
      const reply = await asker.request(`ask.${subject}`, question, { timeoutMs: 5_000 });
      return InquiryReplySchema.parse(JSON.parse(reply.text())).states;
    },
  };
}

it("says of each request whether it came, and what became of it", async () => {
  const { send, lose, ask, taken } = await startAnswerer("states");
  const [running, streaming, over] = [send(), send(), send()];
  const lost = lose();
  expect(await ask(running)).toEqual(["running"]);
  taken[1]?.message.respond("", createHeaders([["Narun-Stream", "x.1"]]));
  taken[2]?.done();
  expect(await ask(running, streaming, over, lost)).toEqual(["running", "streaming", "over", "new"]);
});

it("does not begin a request of which it has said that it never came", async () => {
  const { send, lose, ask, taken } = await startAnswerer("called-off");
  const lost = lose();
  expect(await ask(lost)).toEqual(["new"]);
  // As from a connection that was given up, whose last words the server takes late.
  asker.connection.publish("called-off", NOTHING, { reply: lost.subject });
  const next = send();
  expect(await ask(lost, next)).toEqual(["new", "running"]);
  expect(taken.map(({ message }) => message.reply)).toEqual([next.subject]);
});

it("sends an answer again that was sent while NATS was just back", async () => {
  const { send, ask, taken, heard } = await startAnswerer("repeated");
  const back = Promise.all(
    [asker, answerer].map(
      (nats) => new Promise<void>((resolve) => nats.onState((state) => state === "connected" && resolve())),
    ),
  );
  await server.kill9();
  await back;
  await answerer.flush();
  const request = send();
  expect(await ask(request)).toEqual(["running"]);
  taken[0]?.message.respond("the answer");
  taken[0]?.done();
  expect(await ask(request)).toEqual(["repeated"]);
  expect(heard).toEqual(["the answer", "the answer"]);
});

it("is not certain of a request that is older than those that it has forgotten", async () => {
  const { send, lose, ask, taken } = await startAnswerer("forgotten");
  const lost = lose();
  for (let count = 0; count < 1_100; count++) send();
  const last = send();
  expect(await ask(last)).toEqual(["running"]);
  for (const { done } of taken) done();
  const fresh = lose();
  expect(await ask(lost, fresh)).toEqual(["over", "new"]);
});

it("notes requests that come another way under the same ids, and sends their answers again over NATS", async () => {
  const ledger = new Ledger(answerer);
  closers.defer(() => ledger.close());
  answerer.subscribe("ask.another-way", (message) => ledger.answer(message));
  await answerer.flush();
  const heard: string[] = [];
  const reserve = () => asker.reserve((reply) => void heard.push(reply.text()));
  const [running, streaming, answered, over, lost] = [reserve(), reserve(), reserve(), reserve(), reserve()];
  const note = ({ number }: { number: number }) => ledger.note(asker.replyPrefix, number);
  note(running);
  note(streaming)?.noteHead();
  const kept = note(answered);
  await eventually(() => expect(kept?.mayGetLost).toBe(true));
  kept?.noteAnswer("the answer", undefined);
  kept?.end();
  note(over)?.end();
  const requests = [running, streaming, answered, over, lost].map(({ subject }) => subject);
  const reply = await asker.request("ask.another-way", JSON.stringify({ requests }), { timeoutMs: 5_000 });
  const { states } = InquiryReplySchema.parse(JSON.parse(reply.text()));
  expect(states).toEqual(["running", "streaming", "repeated", "over", "new"]);
  expect(heard).toEqual(["the answer"]);
  // It was called off.
  expect(note(lost)).toBeUndefined();
});

it("does not note a request of a client that does not number its own", async () => {
  const { taken, ask } = await startAnswerer("unnumbered");
  const replies = ["_INBOX.abc.0123456789", "_INBOX.abc.01", "_INBOX.abc.A", "word", "_INBOX.abc.1"];
  for (const reply of replies) asker.connection.publish("unnumbered", NOTHING, { reply });
  const states = await ask(...replies.map((subject) => ({ subject })));
  expect(taken).toHaveLength(replies.length);
  expect(states).toEqual(["over", "over", "over", "running", "running"]);
});
