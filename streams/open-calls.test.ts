import { afterAll, expect, it } from "vitest";
import { createHeaders, headerNames, InquirySchema, REQUEST_QUEUE, subjects } from "../contracts/index.ts";
import { connectNats, Ledger, type Message } from "../nats/index.ts";
import { startTestNats } from "../test/harness/nats.ts";
import { callService } from "./call.ts";
import { createOpenCalls } from "./open-calls.ts";
import { createPeers } from "./peers.ts";
import { createStreamPresence } from "./presence.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());
const server = closers.use(await startTestNats());
const connect = async (name: string) => {
  const nats = await connectNats({ url: server.url, name });
  closers.defer(() => nats.close());
  return nats;
};

const nats = await connect("caller");
const parts = {
  nats,
  peers: createPeers(nats),
  presence: createStreamPresence(nats),
  calls: createOpenCalls(nats),
};
closers.defer(() => {
  parts.calls.close();
  parts.presence.close();
  parts.peers.close();
});
const call = (service: string, method: string) =>
  callService(parts, {
    service,
    headers: createHeaders([[headerNames.method, method]]),
    first: new Uint8Array(),
    timeoutMs: 60_000,
    signal: new AbortController().signal,
  });

/** A gateway that takes the calls of one service, and answers inquiries. `isForgetful`: it notes no call. */
async function startGateway(service: string, { isForgetful = false } = {}) {
  const gateway = await connect("gateway");
  const ledger = new Ledger(gateway);
  closers.defer(() => ledger.close());
  const taken: Message[] = [];
  const firstTaken = Promise.withResolvers<Message>();
  const take = (message: Message) => {
    taken.push(message);
    firstTaken.resolve(message);
  };
  const noted = isForgetful ? take : ledger.guard(take);
  gateway.subscribe(subjects.invoke(service), (message) => noted(message, () => undefined), {
    queue: REQUEST_QUEUE,
  });
  let inquiries = 0;
  const listeners = new Set<() => void>();
  gateway.subscribe(subjects.inquiriesToGateways, (message) => {
    ledger.answer(message);
    inquiries += 1;
    for (const listen of listeners) listen();
  });
  await gateway.flush();
  return {
    taken,
    firstTaken: firstTaken.promise,
    /** Resolves after so many inquiries from now on. */
    asked: (times: number) =>
      new Promise<void>((resolve) => {
        const last = inquiries + times;
        listeners.add(() => inquiries >= last && resolve());
      }),
    die: () => gateway.connection.close(),
  };
}

it("a call waits while one of the gateways has it", async () => {
  const gateway = await startGateway("waits");
  const other = await startGateway("other");
  const reply = call("waits", "POST");
  const message = await gateway.firstTaken;
  await other.asked(3);
  message.respond("the answer");
  expect(await reply).toMatchObject({ kind: "whole" });
  expect(gateway.taken).toHaveLength(1);
  await Promise.all([gateway.die(), other.die()]);
});

it("a call waits where another gateway cannot exclude it, and its own does not answer inquiries in time", async () => {
  const holder = await connect("gateway");
  const taken = Promise.withResolvers<Message>();
  holder.subscribe(subjects.invoke("silent"), taken.resolve, { queue: REQUEST_QUEUE });
  const other = await connect("gateway");
  const askedTwice = Promise.withResolvers<void>();
  let inquiries = 0;
  other.subscribe(subjects.inquiriesToGateways, (message) => {
    const { requests } = InquirySchema.parse(JSON.parse(message.text()));
    message.respond(JSON.stringify({ states: requests.map(() => "over") }));
    inquiries += 1;
    if (inquiries === 2) askedTwice.resolve();
  });
  await Promise.all([holder.flush(), other.flush()]);
  const reply = call("silent", "POST");
  const message = await taken.promise;
  await Promise.race([askedTwice.promise, reply]);
  message.respond("the answer");
  expect(await reply).toMatchObject({ kind: "whole" });
  await Promise.all([holder.connection.close(), other.connection.close()]);
});

it("a call whose gateway died fails, whether another gateway is there or not", async () => {
  const alone = await startGateway("died-alone");
  const reply = call("died-alone", "POST");
  await alone.firstTaken;
  await alone.die();
  expect(await reply).toEqual({ kind: "failed", code: "CONSUMER_DIED" });

  const [first, other] = [await startGateway("died"), await startGateway("other")];
  const second = call("died", "POST");
  await first.firstTaken;
  await first.die();
  expect(await second).toEqual({ kind: "failed", code: "CONSUMER_DIED" });
  await other.die();
});

it("a call that may run twice is sent three times at most", async () => {
  const gateway = await startGateway("forgotten", { isForgetful: true });
  expect(await call("forgotten", "GET")).toEqual({ kind: "failed", code: "CONSUMER_DIED" });
  expect(gateway.taken).toHaveLength(3);
  const numbers = gateway.taken.map(({ headers }) => headers?.get(headerNames.stream)?.[0]);
  expect(new Set(numbers).size).toBe(3);
  const leftMs = gateway.taken.map(({ headers }) => Number(headers?.get(headerNames.timeout)?.[0]));
  expect(leftMs[1]).toBeLessThan(leftMs[0] ?? 0);
  expect(leftMs[2]).toBeLessThan(leftMs[1] ?? 0);
  await gateway.die();
});

it("the answers of two inquiries about one lost sending cause one further sending", async () => {
  const gateway = await connect("gateway");
  const ledger = new Ledger(gateway);
  closers.defer(() => ledger.close());
  const taken: Message[] = [];
  const noted = ledger.guard((message) => taken.push(message));
  let isFirst = true;
  gateway.subscribe(
    subjects.invoke("asked-twice"),
    (message) => {
      // The first sending is lost.
      if (!isFirst) noted(message, () => undefined);
      isFirst = false;
    },
    { queue: REQUEST_QUEUE },
  );
  const inquiries: Message[] = [];
  gateway.subscribe(subjects.inquiriesToGateways, (message) => {
    inquiries.push(message);
    if (inquiries.length === 1) void nats.connection.reconnect();
    else if (inquiries.length === 2) for (const inquiry of inquiries) ledger.answer(inquiry);
    else {
      ledger.answer(message);
      taken[0]?.respond("the answer");
    }
  });
  await gateway.flush();
  expect(await call("asked-twice", "GET")).toMatchObject({ kind: "whole" });
  expect(taken).toHaveLength(1);
  await gateway.connection.close();
});
