import { afterAll, expect, it } from "vitest";
import { startTestNats } from "../test/harness/nats.ts";
import { connectNats } from "./connection.ts";
import type { Message } from "./message.ts";
import { createOutbox } from "./outbox.ts";
import { Requester } from "./requester.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Writer } from "./transport/writer.ts";
import { createWorld } from "./world.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());
const server = closers.use(await startTestNats());
const nats = await connectNats({ url: server.url, name: "requester" });
closers.defer(() => nats.close());
const NOTHING = new Uint8Array();
const onEnd = () => () => undefined;

it("gives one row of numbers to requests over NATS and to others, and hears replies to both", async () => {
  const heard: string[] = [];
  const note = (name: string) => (reply: Message) => void heard.push(`${name}: ${reply.text()}`);
  const numbers = [
    nats.reserve(note("first")),
    nats.send("requester.nobody", NOTHING, new Map(), () => undefined),
    nats.reserve(note("second")),
    nats.reserve(note("third")),
  ];
  const [first, second, third] = [numbers[0], numbers[2], numbers[3]];
  if (first === undefined || second === undefined || third === undefined) throw new Error("no numbers");
  const from = first.number;
  expect(numbers.map(({ number }) => number)).toEqual([from, from + 1, from + 2, from + 3]);
  expect(second.subject).toBe(nats.replyPrefix + second.number.toString(36));
  third.release();
  for (const { subject } of [second, third, first]) nats.publish(subject, "a reply");
  await nats.flush();
  expect(heard).toEqual(["second: a reply", "first: a reply"]);
});

it("begins again at 0 after the last number of 32 bits, and leaves out a number that is under way", async () => {
  const { connection } = nats;
  const onError = () => undefined;
  const outbox = createOutbox({ connection, writer: new Writer(connection), isAway: () => false, onError });
  const parts = { outbox, world: createWorld("0") };
  const wire = { connection, open: () => new Writer(connection), takeMessages: onEnd, takeData: onEnd };
  const requester = new Requester({
    inbox: nats.createInbox(),
    parts,
    subscriptions: new Subscriptions({ wire, parts, onHandlerError: onError }),
    firstNumber: 2 ** 32 - 2,
    onRefused: () => undefined,
    onHandlerError: onError,
  });
  const take = () => requester.send("requester.nobody", NOTHING, new Map(), () => undefined);
  const [last, , zero] = [take(), take(), take()];
  expect([last.number, zero.number]).toEqual([2 ** 32 - 2, 0]);
  zero.release();
  const one = take();
  // A release that comes twice does not touch the number's next owner.
  zero.release();
  expect(one.number).toBe(1);
  expect(one.subject).toBe(`${requester.prefix}1`);
  expect(last.subject).toBe(`${requester.prefix}1z141z2`);
});
