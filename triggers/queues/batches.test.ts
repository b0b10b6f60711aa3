import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Batches } from "./batches.ts";

const start = (size: number, waitMs: number) => {
  const due = vi.fn();
  const batches = new Batches<number>({ size, waitMs, isAlone: (message) => message < 0, onDue: due });
  return { batches, due };
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a batch", () => {
  it("is due when it is full", () => {
    const { batches, due } = start(2, 1_000);
    batches.add(1);
    expect(batches.take()).toBeUndefined();
    batches.add(2);
    batches.add(3);
    expect(due).toHaveBeenCalled();
    expect(batches.take()).toEqual([1, 2]);
  });

  it("is due when its first message has waited", () => {
    const { batches, due } = start(3, 1_000);
    batches.add(1);
    vi.advanceTimersByTime(999);
    batches.add(2);
    expect(batches.take()).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(due).toHaveBeenCalledTimes(1);
    expect(batches.take()).toEqual([1, 2]);
    vi.advanceTimersByTime(5_000);
    expect(due).toHaveBeenCalledTimes(1);
  });

  it("grows while nobody takes it, up to its size, and the rest is due at once", () => {
    const { batches } = start(3, 10);
    batches.add(1);
    vi.advanceTimersByTime(10);
    for (const message of [2, 3, 4]) batches.add(message);
    expect(batches.take()).toEqual([1, 2, 3]);
    expect(batches.take()).toEqual([4]);
    expect(batches.take()).toBeUndefined();
  });

  it("waits anew after one that was taken", () => {
    const { batches } = start(2, 10);
    batches.add(1);
    batches.add(2);
    expect(batches.take()).toEqual([1, 2]);
    batches.add(3);
    expect(batches.take()).toBeUndefined();
    vi.advanceTimersByTime(10);
    expect(batches.take()).toEqual([3]);
  });

  it("is one message at its last attempt", () => {
    const { batches, due } = start(2, 1_000);
    batches.add(1);
    batches.add(-2);
    expect(due).toHaveBeenCalledTimes(1);
    expect(batches.take()).toEqual([-2]);
    expect(batches.take()).toBeUndefined();
    expect(batches.clear()).toEqual([1]);
    vi.advanceTimersByTime(5_000);
    expect(due).toHaveBeenCalledTimes(1);
  });
});
