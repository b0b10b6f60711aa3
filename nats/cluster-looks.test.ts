import type { NatsConnection } from "@nats-io/transport-node";
import { afterEach, expect, it, vi } from "vitest";
import { lookAfterChanges } from "./cluster-looks.ts";
import { ClusterView } from "./cluster-view.ts";

afterEach(() => void vi.useRealTimers());

it("looks twice after the last change of a cluster, and no more once it has ended", () => {
  vi.useFakeTimers();
  const info = { cluster: "test", connect_urls: ["a", "b", "c"] };
  const cluster = new ClusterView({ info } as unknown as NatsConnection);
  const look = vi.fn();
  const end = lookAfterChanges(cluster, look);
  const changeTo = (urls: string[]) => {
    info.connect_urls = urls;
    cluster.look();
  };
  vi.advanceTimersByTime(600_000);
  expect(look).not.toHaveBeenCalled();
  changeTo(["a", "b"]);
  vi.advanceTimersByTime(10_000);
  changeTo(["a", "b", "c"]);
  vi.advanceTimersByTime(14_000);
  expect(look).not.toHaveBeenCalled();
  vi.advanceTimersByTime(17_000);
  expect(look).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(600_000);
  expect(look).toHaveBeenCalledTimes(2);
  changeTo(["a"]);
  end();
  vi.advanceTimersByTime(600_000);
  changeTo(["a", "b"]);
  vi.advanceTimersByTime(600_000);
  expect(look).toHaveBeenCalledTimes(2);
});
