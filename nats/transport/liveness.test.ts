import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Liveness } from "./liveness.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

const flush = vi.fn(() => Promise.resolve());
const disconnect = vi.fn();

function startLiveness(): Liveness {
  flush.mockClear();
  disconnect.mockClear();
  const liveness = new Liveness({ flush, disconnect });
  liveness.start();
  return liveness;
}

it("does not ask a server that is heard each second", () => {
  const liveness = startLiveness();
  for (let second = 0; second < 60; second++) {
    vi.advanceTimersByTime(1_000);
    liveness.heard();
  }
  expect(flush).not.toHaveBeenCalled();
  liveness.cancel();
});

it("asks a silent server, and goes on when it answers", () => {
  const liveness = startLiveness();
  flush.mockImplementation(() => {
    setTimeout(() => liveness.heard(), 10);
    return Promise.resolve();
  });
  vi.advanceTimersByTime(25_000);
  expect(flush.mock.calls.length).toBeGreaterThanOrEqual(5);
  expect(flush.mock.calls.length).toBeLessThanOrEqual(10);
  expect(disconnect).not.toHaveBeenCalled();
  liveness.cancel();
  flush.mockImplementation(() => Promise.resolve());
});

it("leaves a server after 4.5 s of silence, not before", () => {
  startLiveness();
  vi.advanceTimersByTime(4_400);
  expect(disconnect).not.toHaveBeenCalled();
  vi.advanceTimersByTime(200);
  expect(disconnect).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(60_000);
  expect(disconnect).toHaveBeenCalledOnce();
});

it("leaves no server for a silence in which this process was held up", () => {
  const liveness = startLiveness();
  vi.advanceTimersByTime(2_600);
  // The process is stopped: the clock goes on, and no timer is called.
  const now = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 10_000);
  vi.advanceTimersByTime(2_000);
  now.mockRestore();
  expect(disconnect).not.toHaveBeenCalled();
  liveness.heard();
  vi.advanceTimersByTime(2_400);
  expect(disconnect).not.toHaveBeenCalled();
  liveness.cancel();
});

it("asks nothing after its end", () => {
  startLiveness().cancel();
  vi.advanceTimersByTime(60_000);
  expect(flush).not.toHaveBeenCalled();
});
