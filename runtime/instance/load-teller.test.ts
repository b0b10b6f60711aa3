import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LoadTeller } from "./load-teller.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function tellerOf(target: number) {
  const state = { load: 0, counts: 0 };
  const told: number[] = [];
  const count = () => {
    state.counts += 1;
    return state.load;
  };
  return { state, told, teller: new LoadTeller({ target, count, announce: (load) => void told.push(load) }) };
}

it("tells nothing up to the target, and does not count", () => {
  const { state, told, teller } = tellerOf(3);
  for (const open of [1, 2, 3]) teller.taken(open);
  expect([told, state.counts]).toEqual([[], 0]);
});

it("tells a load above the target at once, and again while it lasts, without further requests", () => {
  const { state, told, teller } = tellerOf(3);
  state.load = 4;
  for (const open of [4, 5, 6]) teller.taken(open);
  expect(told).toEqual([4]);
  state.load = 6;
  vi.advanceTimersByTime(600);
  expect(told).toEqual([4, 6, 6]);
  state.load = 3;
  vi.advanceTimersByTime(5_000);
  expect(told).toHaveLength(3);
});

it("counts open streams seldom, however many requests come beside them", () => {
  const { state, told, teller } = tellerOf(3);
  for (let n = 0; n < 1_000; n++) teller.taken(100);
  expect(state.counts).toBe(1);
  vi.advanceTimersByTime(300);
  teller.taken(100);
  expect([told, state.counts]).toEqual([[], 2]);
  teller.close();
  expect(vi.getTimerCount()).toBe(0);
});
