import { afterAll, expect, it, vi } from "vitest";
import { createHeaders, headerNames, messageBytes, subjects } from "../contracts/index.ts";
import { connectNats, type Message } from "../nats/index.ts";
import { startTestNats } from "../test/harness/nats.ts";
import { callService } from "./call.ts";
import { createOpenCalls } from "./open-calls.ts";
import { createPeers } from "./peers.ts";
import { createStreamPresence } from "./presence.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());
const server = closers.use(await startTestNats());

async function startCaller() {
  const nats = await connectNats({ url: server.url, name: "caller" });
  closers.defer(() => nats.close());
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
  return parts;
}
const parts = await startCaller();
const { nats } = parts;
const post = (fields: [string, string][] = []) => createHeaders([[headerNames.method, "POST"], ...fields]);
const call = (service: string, headers = post(), first = new Uint8Array()) =>
  callService(parts, { service, headers, first, timeoutMs: 60_000, signal: new AbortController().signal });

it("a request that cannot be sent rejects, cancels its body, and leaves no timer", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  const cancelled = vi.fn();
  const rest = { pipe: () => () => undefined, cancel: () => cancelled() };
  const attempt = async () =>
    callService(parts, {
      service: "unsent",
      headers: post([["X-A", "two\nlines"]]),
      first: new Uint8Array(),
      rest,
      timeoutMs: 60_000,
      signal: new AbortController().signal,
    });
  const outcome = attempt();
  const timers = vi.getTimerCount();
  vi.useRealTimers();
  await expect(outcome).rejects.toThrow("X-A");
  expect(timers).toBe(0);
  expect(cancelled).toHaveBeenCalledOnce();
});

it("a request is too large with the fields that its sending adds", async () => {
  const room = nats.maxPayload - messageBytes(post(), "");
  expect(await call("large", post(), new Uint8Array(room))).toEqual({
    kind: "failed",
    code: "BODY_TOO_LARGE",
  });
});

it("a request says at each sending how long its caller still waits", async () => {
  const sent = Promise.withResolvers<Message>();
  const subscription = nats.subscribe(subjects.invoke("timed"), (message) => {
    sent.resolve(message);
    message.respond("the answer");
  });
  await call("timed");
  subscription.unsubscribe();
  const instance = Promise.withResolvers<Message>();
  nats.subscribe("timed", (message) => {
    instance.resolve(message);
    message.respond("the answer");
  });
  await call("timed", post([[headerNames.timeout, "999999"]]));
  for (const { headers } of [await sent.promise, await instance.promise]) {
    const leftMs = Number(headers?.get(headerNames.timeout)?.[0]);
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(60_000);
  }
});

it("a call on a connection that was closed ends at its deadline", async () => {
  const closing = await startCaller();
  const taken = Promise.withResolvers<Message>();
  nats.subscribe(subjects.invoke("closed"), taken.resolve);
  await nats.flush();
  const reply = callService(closing, {
    service: "closed",
    headers: post(),
    first: new Uint8Array(),
    timeoutMs: 1_000,
    signal: new AbortController().signal,
  });
  await taken.promise;
  await closing.nats.close();
  expect(await reply).toEqual({ kind: "failed", code: "DEADLINE_EXCEEDED" });
});
