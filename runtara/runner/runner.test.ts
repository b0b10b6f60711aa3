import { pino } from "pino";
import { afterEach, expect, it, vi } from "vitest";
import { type DueQueue, type DueWork, UNTOLD_MS } from "../../nats/index.ts";
import type { Runtara } from "../core/runtara.ts";
import { startRuntaraRunner } from "./runner.ts";

type TakeOptions = Parameters<DueQueue["take"]>[0];

afterEach(() => void vi.useRealTimers());

it("an order is held from when it is taken, however long its claim takes", async () => {
  vi.useFakeTimers();
  const taken = Promise.withResolvers<TakeOptions>();
  const claimed = Promise.withResolvers<undefined>();
  const over = Promise.withResolvers<void>();
  // The claim waits for NATS, which the clock of the test cannot move.
  const runs = {
    claim: () => claimed.promise,
    queue: {
      take(options: TakeOptions) {
        taken.resolve(options);
        return over.promise;
      },
    },
  };
  const store = { instances: () => [] };
  const runner = startRuntaraRunner({
    ...{ runtara: { runs, store } as unknown as Runtara, node: "node", maxPrograms: 1, retentionMs: 1 },
    startProgram: () => Promise.reject(new Error("no program is to start")),
    addressesFor: () => ({}),
    log: pino({ level: "silent" }),
  });
  let told = 0;
  const work = { working: () => void told++ } as Partial<DueWork> as DueWork;
  (await taken.promise).handle(work);
  await vi.advanceTimersByTimeAsync(UNTOLD_MS);
  expect(told).toBeGreaterThanOrEqual(3);
  claimed.resolve(undefined);
  await vi.advanceTimersByTimeAsync(0);
  const toldAtClaim = told;
  await vi.advanceTimersByTimeAsync(UNTOLD_MS);
  expect(told).toBe(toldAtClaim);
  over.resolve();
  await runner.close();
});
