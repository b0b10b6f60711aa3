import { describe, expect, it } from "vitest";
import { createLanes, type Lane } from "./lanes.ts";

const forever = new AbortController().signal;
/** Resolves when all work that can start has started. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Work that writes its start into `log`, and goes on until the test ends it. */
function begin(log: string[], lane: Lane, name: string, signal = forever) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const result = lane.run(() => {
    log.push(name);
    return promise;
  }, signal);
  result.catch(() => undefined);
  return { result, end: () => resolve(name), fail: (error: Error) => reject(error) };
}

describe("createLanes", () => {
  it("runs a bounded number of works at a time, in the order of their arrival", async () => {
    const log: string[] = [];
    const lane = createLanes({ threads: 3, perLane: 2 }).open();
    const works = ["a", "b", "c", "d"].map((name) => begin(log, lane, name));
    await settled();
    expect(log).toEqual(["a", "b"]);
    works[1]?.end();
    await works[1]?.result;
    await settled();
    expect(log).toEqual(["a", "b", "c"]);
  });

  it("leaves room for other isolates, and lets them take turns", async () => {
    const log: string[] = [];
    const lanes = createLanes({ threads: 3, perLane: 2 });
    const [greedy, other] = [lanes.open(), lanes.open()];
    const greedyWorks = ["g1", "g2", "g3", "g4"].map((name) => begin(log, greedy, name));
    const otherWorks = ["o1", "o2"].map((name) => begin(log, other, name));
    await settled();
    expect(log).toEqual(["g1", "g2", "o1"]);
    greedyWorks[0]?.end();
    await settled();
    greedyWorks[1]?.end();
    await settled();
    expect(log.toSorted()).toEqual(["g1", "g2", "g3", "o1", "o2"]);
    for (const work of [...greedyWorks, ...otherWorks]) work.end();
    await Promise.all([...greedyWorks, ...otherWorks].map(({ result }) => result));
    expect(log).toHaveLength(6);
  });

  it("goes on after work that fails", async () => {
    const log: string[] = [];
    const lane = createLanes({ threads: 1, perLane: 1 }).open();
    const [first, second] = [begin(log, lane, "a"), begin(log, lane, "b")];
    first.fail(new Error("failed"));
    await expect(first.result).rejects.toThrow("failed");
    second.end();
    expect(await second.result).toBe("b");
  });

  it("forgets waiting work whose signal aborts", async () => {
    const log: string[] = [];
    const lane = createLanes({ threads: 1, perLane: 1 }).open();
    const controller = new AbortController();
    const first = begin(log, lane, "a");
    const second = begin(log, lane, "b", controller.signal);
    const third = begin(log, lane, "c");
    controller.abort();
    await expect(second.result).rejects.toThrow();
    first.end();
    await first.result;
    await settled();
    expect(log).toEqual(["a", "c"]);
    third.end();
    await expect(begin(log, lane, "d", controller.signal).result).rejects.toThrow();
  });
});
