import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Room } from "./room.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance", "setImmediate", "clearImmediate"] }));
afterEach(() => void vi.useRealTimers());

/** A room of two places. `calls` and `others` are the ids of the requests that have them. */
function open() {
  const calls: string[] = [];
  const others: string[] = [];
  const told: number[] = [];
  const size = () => calls.length + others.length;
  const room = new Room({
    concurrency: 2,
    requests: {
      get calls() {
        return calls.length;
      },
      freePlaces: (concurrency) => Math.max(0, concurrency - size()),
      hasRoom: (concurrency, id) =>
        size() < concurrency || (id !== undefined && [...calls, ...others].includes(id)),
    },
    announce: (free) => told.push(free),
  });
  const freed = () => {
    room.freed();
    vi.advanceTimersByTime(1);
  };
  return { calls, others, told, room, freed };
}

it("tells of places only where a gateway waits, and keeps them from calls for a moment", () => {
  const { calls, told, room, freed } = open();
  calls.push("a", "b");
  calls.pop();
  freed();
  expect(told).toEqual([]);
  calls.push("c");
  expect(room.takesRequest(() => "d")).toBe(false);
  calls.pop();
  freed();
  expect(told).toEqual([1]);
  expect(room.takesCall("e")).toBe(false);
  // It is made on behalf of a request that is here.
  expect(room.takesCall("a")).toBe(true);
  expect(room.takesRequest(() => "d")).toBe(true);
  vi.advanceTimersByTime(60);
  expect(room.takesCall("e")).toBe(true);
});

it("tells no more when no gateway has come for a while, and tells nothing where nothing is free", () => {
  const { calls, told, room, freed } = open();
  calls.push("a", "b", "c");
  expect(room.takesRequest(() => "d")).toBe(false);
  calls.pop();
  freed();
  expect(told).toEqual([]);
  vi.advanceTimersByTime(600);
  calls.pop();
  freed();
  expect(told).toEqual([]);
});

it("leaves gateways to their own count without calls, and takes the requests of its own requests", () => {
  const { calls, others, room } = open();
  others.push("a", "b", "c");
  expect(room.takesRequest(() => "d")).toBe(true);
  expect(room.takesCall("d")).toBe(false);
  calls.push("e");
  expect(room.takesRequest(() => "d")).toBe(false);
  expect(room.takesRequest(() => "a")).toBe(true);
});
