import type { NatsConnection } from "@nats-io/transport-node";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ClusterView } from "./cluster-view.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

/** A view of a server that reaches so many servers, itself among them. */
function viewOf(here: number) {
  const connection = { info: { cluster: "one", connect_urls: urlsOf(here) } };
  const view = new ClusterView(connection as unknown as NatsConnection);
  const see = (count: number) => {
    connection.info.connect_urls = urlsOf(count);
    view.look();
  };
  return { view, see };
}

const urlsOf = (count: number) => Array.from({ length: count }, (_, at) => `127.0.0.1:${at}`);

test("a minority counts as lasting when there was time to leave it", () => {
  const { view, see } = viewOf(3);
  vi.advanceTimersByTime(10_000);
  see(1);
  expect([view.isMinority, view.isStranded]).toEqual([true, false]);
  vi.advanceTimersByTime(3_000);
  expect([view.isMinority, view.isStranded]).toEqual([true, true]);
  see(2);
  expect([view.isMinority, view.isStranded]).toEqual([false, false]);
});
