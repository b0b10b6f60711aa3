import { afterEach, expect, it } from "vitest";
import { eventually } from "../../../test/harness/eventually.ts";
import { testEngine } from "../../testing/sandbox.ts";
import type { Engine, Isolate } from "../engine.ts";
import { createPool, type Pool, type PoolOptions } from "./pool.ts";

const MEMORY_MB = 128;
const NEVER_MS = 3_600_000;
const ignore = () => undefined;

let pool: Pool | undefined;
const taken: Isolate[] = [];

afterEach(() => {
  pool?.close();
  for (const isolate of taken.splice(0)) isolate.dispose();
});

/** A pool of real isolates. `alive` counts those that were made and not disposed of; `asked` has the calls for one ahead of starts. */
async function start(options: Omit<PoolOptions, "engine">) {
  const engine = await testEngine();
  let alive = 0;
  let making = 0;
  const asked: number[] = [];
  const counting: Engine = {
    async create(...parts) {
      making += 1;
      if (parts[2]?.isAhead === true) asked.push(making);
      const made = await engine.create(...parts);
      making -= 1;
      alive += 1;
      const dispose = () => {
        alive -= 1;
        made.dispose();
      };
      return { ...made, dispose };
    },
  };
  const created = createPool({ engine: counting, ...options });
  pool = created;
  const take = async (parts?: { isTrial: boolean }) => {
    const isolate = await created.take(MEMORY_MB, ignore, parts);
    taken.push(isolate);
    return isolate;
  };
  return { take, ready: () => alive - taken.length, asked };
}

it("keeps isolates ready, and makes another for each that is taken", async () => {
  const { take, ready } = await start({ size: 2, shrinkMs: NEVER_MS });
  await eventually(() => expect(ready()).toBe(2));
  await take();
  await eventually(() => expect(ready()).toBe(2));
});

it("makes those that it keeps ready together", async () => {
  const { take, ready, asked } = await start({ size: 3, shrinkMs: NEVER_MS });
  await eventually(() => expect(ready()).toBe(3));
  expect(asked.splice(0)).toEqual([1, 2, 3]);
  await take();
  await take();
  await eventually(() => expect(ready()).toBe(3));
  expect(asked).toEqual([1, 2]);
});

it("keeps more ready after starts that had to wait, up to its bound", async () => {
  const { take, ready } = await start({ size: 1, maxSize: 3, shrinkMs: NEVER_MS });
  await Promise.all([take(), take(), take(), take(), take(), take()]);
  await eventually(() => expect(ready()).toBe(3));
});

it("keeps no more ready because of trials", async () => {
  const { take, ready } = await start({ size: 1, shrinkMs: NEVER_MS });
  await Promise.all(Array.from({ length: 4 }, () => take({ isTrial: true })));
  await eventually(() => expect(ready()).toBe(1));
  await take();
  await eventually(() => expect(ready()).toBe(1));
});

it("shrinks to its size while no start comes", async () => {
  const { take, ready } = await start({ size: 1, maxSize: 8, shrinkMs: 20 });
  await Promise.all([take(), take(), take(), take(), take(), take()]);
  await eventually(() => expect(ready()).toBe(1));
  await take();
  await eventually(() => expect(ready()).toBe(1));
});

it("gives isolates to the starts in the order in which they asked", async () => {
  const { take } = await start({ size: 1, shrinkMs: NEVER_MS });
  const order: number[] = [];
  await Promise.all([0, 1, 2, 3].map(async (n) => void order.push(await take().then(() => n))));
  expect(order).toEqual([0, 1, 2, 3]);
});
