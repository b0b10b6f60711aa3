import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Instance } from "./instance.ts";
import type { InFlight, Job } from "./job.ts";
import { createPlaces } from "./places.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

function placesFor(count: number) {
  const ended: number[] = [];
  const free: string[] = [];
  const instance = { id: "one", inFlight: 0, concurrency: 50 } as Instance;
  const jobs = Array.from({ length: count }, (_, order) => {
    const exchange = { behindMs: 0 };
    const job = { service: "fn", order, request: { rest: {} } } as unknown as Job;
    const flight = {
      kind: "in-flight",
      target: instance,
      sending: { exchange },
      isLent: false,
    } as unknown as InFlight;
    return { job, flight, exchange };
  });
  const places = createPlaces({
    onTooSlow(job) {
      ended.push(job.order);
      const one = jobs[job.order];
      if (one !== undefined) places.giveBack(one.job, one.flight);
    },
    onFree: (service) => void free.push(service),
  });
  for (const { job, flight } of jobs) places.take(job, flight);
  return { places, jobs, instance, ended, free };
}

describe("the place of a request whose body is not whole", () => {
  it("is kept while the body comes at its pace, and asked for again a moment later", () => {
    const { places, instance, free } = placesFor(3);
    expect(places.reclaim("fn")).toBe(false);
    expect(instance.inFlight).toBe(3);
    vi.advanceTimersByTime(100);
    expect(free).toEqual(["fn"]);
  });

  it("is lent by the slowest, one for each that waits", () => {
    const { places, jobs, instance } = placesFor(3);
    for (const [index, { exchange }] of jobs.entries()) exchange.behindMs = index * 1_000;
    expect([places.reclaim("fn"), places.reclaim("fn"), places.reclaim("fn")]).toEqual([true, true, false]);
    expect(jobs.map(({ flight }) => flight.isLent)).toEqual([false, true, true]);
    expect(instance.inFlight).toBe(1);
  });

  it("is taken again when the body is over, and given back once", () => {
    const { places, jobs, instance } = placesFor(2);
    for (const { exchange } of jobs) exchange.behindMs = 1_000;
    places.reclaim("fn");
    places.reclaim("fn");
    expect(instance.inFlight).toBe(0);
    for (const { job } of jobs) places.onBodyOver(job);
    for (const { job } of jobs) places.onBodyOver(job);
    expect(instance.inFlight).toBe(2);
    for (const { job, flight } of jobs) places.giveBack(job, flight);
    expect(instance.inFlight).toBe(0);
  });

  it("is not lent by ever more: the slower half of too many is ended", () => {
    const { places, jobs, instance, ended } = placesFor(150);
    for (const [index, { exchange }] of jobs.entries()) exchange.behindMs = 2_000 + index;
    let lent = 0;
    while (places.reclaim("fn")) lent += 1;
    expect([lent, instance.inFlight]).toEqual([50, 100]);
    vi.advanceTimersByTime(100);
    expect(ended).toEqual(Array.from({ length: 25 }, (_, n) => 149 - n));
    expect(instance.inFlight).toBe(100);
    expect(places.reclaim("fn")).toBe(true);
  });
});
