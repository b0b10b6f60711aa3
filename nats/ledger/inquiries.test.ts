import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { startTestNats } from "../../test/harness/nats.ts";
import { connectNats } from "../connection.ts";
import { createHeaders } from "../headers.ts";
import type { PendingReply } from "../requester.ts";
import { createInquiries } from "./inquiries.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());
const server = closers.use(await startTestNats());
const nats = await connectNats({ url: server.url, name: "asker" });
closers.defer(() => nats.close());

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  return () => vi.useRealTimers();
});

const TICK_MS = 500;

function startAsker() {
  let flights: PendingReply[] = [];
  const asked: string[][] = [];
  const inquiries = createInquiries<PendingReply, "answerer">({
    nats,
    flights: () => flights,
    answererOf: () => "answerer",
    pendingOf: (flight) => flight,
    async ask(_, requests) {
      asked.push([...requests]);
      return requests.map(() => "running" as const);
    },
    hear: () => undefined,
  });
  return {
    asked,
    inquiries,
    send(): PendingReply {
      const flight = nats.send("nowhere", new Uint8Array(), createHeaders([]), () => undefined);
      flights = [...flights, flight];
      inquiries.begin();
      return flight;
    },
    settle() {
      for (const flight of flights) flight.release();
      flights = [];
    },
  };
}

it("ticks from the first request on, and no longer than requests are under way", () => {
  const { inquiries, send, settle } = startAsker();
  expect(vi.getTimerCount()).toBe(0);
  send();
  send();
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(3 * TICK_MS);
  expect(vi.getTimerCount()).toBe(1);
  settle();
  vi.advanceTimersByTime(TICK_MS);
  expect(vi.getTimerCount()).toBe(0);
  send();
  expect(vi.getTimerCount()).toBe(1);
  inquiries.close();
  expect(vi.getTimerCount()).toBe(0);
});

it("asks after the request that began the ticks at the first one", () => {
  const { asked, inquiries, send } = startAsker();
  const { subject } = send();
  vi.advanceTimersByTime(TICK_MS);
  expect(asked).toEqual([[subject]]);
  inquiries.close();
});
