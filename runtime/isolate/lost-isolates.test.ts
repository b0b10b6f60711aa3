import { afterEach, expect, it, vi } from "vitest";
import { createLostIsolates } from "./lost-isolates.ts";

const never = new Promise<never>(() => undefined);

/** A process whose threads run all the time. */
const busy = (() => {
  let usedMs = 0;
  return () => {
    usedMs += 100;
    return usedMs;
  };
})();

afterEach(() => {
  vi.useRealTimers();
});

it("reports an isolate whose call does not end, once, and no other", async () => {
  const watch = createLostIsolates({ tickMs: 2, usedMs: busy });
  const reported: string[] = [];
  const last = Promise.withResolvers<void>();
  const open = (name: string, then: () => void = () => undefined) =>
    watch.open(() => {
      reported.push(name);
      then();
    });
  await open("answered").watch(1, Promise.resolve());
  await open("failed")
    .watch(1, Promise.reject(new Error("failed")))
    .catch(() => undefined);
  open("idle");
  open("closed").close();
  const lost = open("lost");
  void lost.watch(1, never);
  // Its thread goes on all the same.
  lost.close();
  // It has more time than the lost one, so that its end comes later.
  void open("patient", last.resolve).watch(50, never);
  await last.promise;
  expect(reported).toEqual(["lost", "patient"]);
});

it("counts the time of a call from the end of the one before", async () => {
  const watch = createLostIsolates({ tickMs: 2, usedMs: busy });
  const lost = Promise.withResolvers<void>();
  let isLost = false;
  const moving = watch.open(() => {
    isLost = true;
  });
  void watch.open(lost.resolve).watch(1, never);
  const turns = Array.from({ length: 40 }, () => new Promise<void>((resolve) => setTimeout(resolve, 2)));
  void (async () => {
    for (const turn of turns) await moving.watch(1, turn);
  })();
  await lost.promise;
  expect(isLost).toBe(false);
});

it("leaves an isolate alone that asks or posts, however long its call takes", () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  let isLost = false;
  const calls = createLostIsolates({ tickMs: 1_000, usedMs: busy }).open(() => {
    isLost = true;
  });
  const ask = calls.calledBack((question: string) => `${question}: the answer`);
  calls.begin(1_000);
  for (let tick = 0; tick < 100; tick++) {
    vi.advanceTimersByTime(1_000);
    expect(ask("a question")).toBe("a question: the answer");
  }
  expect(isLost).toBe(false);
  vi.advanceTimersByTime(20_000);
  expect(isLost).toBe(true);
});

it("reports an isolate long before its time is up where no thread runs", async () => {
  const lost = Promise.withResolvers<void>();
  void createLostIsolates({ tickMs: 2, usedMs: () => 0 })
    .open(lost.resolve)
    .watch(1_000_000, never);
  await lost.promise;
});

it("leaves an isolate alone that waits for a thread of its own, among others that run", async () => {
  const watch = createLostIsolates({ tickMs: 2, usedMs: busy });
  const last = Promise.withResolvers<void>();
  let isLost = false;
  void watch
    .open(() => {
      isLost = true;
    })
    .watch(1_000_000, never);
  void watch.open(last.resolve).watch(50, never);
  await last.promise;
  expect(isLost).toBe(false);
});

it("ticks only while a call is under way", () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const calls = createLostIsolates({ tickMs: 1_000, usedMs: busy }).open(() => undefined);
  expect(vi.getTimerCount()).toBe(0);
  calls.begin(1_000);
  vi.advanceTimersByTime(2_000);
  expect(vi.getTimerCount()).toBe(1);
  calls.end();
  vi.advanceTimersByTime(1_000);
  expect(vi.getTimerCount()).toBe(0);
  calls.begin(1_000);
  expect(vi.getTimerCount()).toBe(1);
});
