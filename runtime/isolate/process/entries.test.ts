import { expect, it } from "vitest";
import { EnterOp, PostOp, splitAnswers } from "../../../web/index.ts";
import { testEngine } from "../../testing/sandbox.ts";
import type { Isolate } from "../engine.ts";
import type { EntryOutcome } from "../load-outcome.ts";
import { Entries } from "./entries.ts";
import { createWatchdog } from "./watchdog.ts";

const LIMITS = { cpuMs: 200, memoryMb: 32 };
/** More than the entries that an isolate gets one by one (I7). */
const TRIED = 40;
/** The entries of one request that enter together. */
const TOGETHER = 32;

/** A function in an isolate of its own, whose requests are made many at a time. */
async function start(code: string, limits = LIMITS) {
  const answers = new Map<number, string>();
  const logs: [number, string][] = [];
  const ends: [EntryOutcome["kind"], number][] = [];
  const failuresOfOne: (readonly number[])[] = [];
  const overdrawn: number[] = [];
  const callSizes: number[] = [];
  const changed = new Set<() => void>();
  const note = () => {
    for (const look of changed) look();
  };
  const entries = new Entries({
    limits,
    watchdog: createWatchdog(),
    onAnswers: (result) => {
      splitAnswers(result, ({ id, body }) => answers.set(id, body));
      note();
    },
    onEnd: ({ kind }, owner) => {
      ends.push([kind, owner]);
      note();
    },
    onFailureOfOne: (_stack, owners) => {
      failuresOfOne.push(owners);
      note();
    },
    onOverdrawn: (owner) => {
      overdrawn.push(owner);
      entries.exhaust(owner);
      note();
    },
    onLate: () => undefined,
    onGrowth: () => undefined,
  });
  const isolate = await (await testEngine()).create(limits.memoryMb, (op, a, b, c, d) => {
    if (op === PostOp.log) logs.push([Number(c), String(b)]);
    if (op === PostOp.response) answers.set(Number(a), String(d));
    if (op === PostOp.setTimer) entries.enter(Number(c), EnterOp.timer, Number(a));
    note();
  });
  const counted: Isolate = Object.create(isolate);
  counted.enterAll = (timeoutMs, messages) => {
    callSizes.push(messages.length);
    return isolate.enterAll(timeoutMs, messages);
  };
  entries.into(counted);
  const env = { values: {}, bindings: [] };
  const loaded = await entries.load(() => isolate.load({ code, fileName: "test", env, cpuMs: 1_000 }));
  expect(loaded).toEqual({ kind: "ok" });
  let lastId = 0;
  const ask = (path: string, count = 1): number[] =>
    Array.from({ length: count }, () => {
      lastId += 1;
      entries.open(lastId);
      const url = `http://test/${path}`;
      entries.enter(lastId, EnterOp.request, lastId, "GET", url, "", undefined, `r${lastId}`, 0);
      return lastId;
    });
  const until = (isTrue: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!isTrue()) return;
        changed.delete(look);
        resolve();
      };
      changed.add(look);
      look();
    });
  const answered = (ids: readonly number[]) => until(() => ids.every((id) => answers.has(id)));
  await answered(ask("", TRIED));
  return {
    ...{ answers, logs, ends, failuresOfOne, overdrawn, callSizes, entries, ask, until, answered },
    [Symbol.dispose]() {
      entries.close();
      isolate.dispose();
    },
  };
}

const BURN = `const burn = (ms) => { const since = Date.now(); while (Date.now() - since < ms); };`;

it("entries of one call keep their owners, however long their microtasks go on", async () => {
  using fn = await start(`
    let order = [];
    export default async ({ url }, env, { requestId }) => {
      if (!url.endsWith("steps")) return new Response("");
      for (let at = 0; at < 200; at++) await null;
      console.log(requestId);
      (async () => { for (let at = 0; at < 300; at++) await null; console.log("after " + requestId); })();
      order.push(requestId);
      return new Response(order.join());
    };`);
  const ids = fn.ask("steps", 30);
  await fn.answered(ids);
  expect(fn.logs).toEqual(
    ids.flatMap((id) => [
      [id, `r${id}`],
      [id, `after r${id}`],
    ]),
  );
  expect(fn.answers.get(ids.at(-1) ?? 0)).toBe(ids.map((id) => `r${id}`).join());
});

it("a handler that takes long is charged, and its neighbours are not", { timeout: 30_000 }, async () => {
  using fn = await start(`${BURN}
    export default ({ url }) => { if (url.endsWith("long")) burn(60); return new Response("done"); };`);
  for (let round = 0; round < 6; round++) {
    const ids = [...fn.ask("", 5), ...fn.ask("long"), ...fn.ask("", 5), ...fn.ask("long"), ...fn.ask("", 5)];
    await fn.answered(ids);
  }
  expect([fn.overdrawn, fn.ends]).toEqual([[], []]);
});

it("an endless loop ends its own request; answers of its call arrive, and the rest is run", {
  timeout: 30_000,
}, async () => {
  using fn = await start(`
    export default async ({ url }) => {
      await null;
      if (url.endsWith("loop")) for (;;);
      return new Response("fine");
    };`);
  const before = fn.ask("", 10);
  const [loop = 0] = fn.ask("loop");
  const after = fn.ask("", 10);
  await fn.answered([...before, ...after]);
  expect(fn.ends).toEqual([["cpu-limit", loop]]);
  expect(fn.answers.has(loop)).toBe(false);
});

it("many entries of one request end with its time", { timeout: 30_000 }, async () => {
  using fn = await start(`${BURN}
    export default ({ url }) => {
      if (!url.endsWith("many")) return new Response("");
      for (let at = 0; at < 50; at++) setTimeout(() => burn(60), 1);
      return new Promise(() => {});
    };`);
  const [id = 0] = fn.ask("many");
  await fn.until(() => fn.overdrawn.length > 0);
  expect(fn.overdrawn).toEqual([id]);
});

it("entries of one request enter together, up to a bound, and the next request comes after them", async () => {
  using fn = await start(`
    export default ({ url }) => (url.endsWith("many") ? new Promise(() => {}) : new Response(""));`);
  const [id = 0] = fn.ask("many");
  await fn.answered(fn.ask(""));
  fn.callSizes.length = 0;
  for (let at = 0; at < 2 * TOGETHER; at++) fn.entries.enter(id, EnterOp.credit, 1, 1);
  await fn.answered(fn.ask(""));
  // The rest waits for a place, and the other request goes before most of it.
  expect([fn.callSizes[0], fn.callSizes[1]]).toEqual([TOGETHER, TOGETHER + 1]);
});

it("a rejection without a handler costs no answer, and later ones are told for their requests", async () => {
  using fn = await start(`
    export default ({ url }) => {
      if (url.endsWith("reject")) Promise.reject(new Error("left"));
      return new Response("answer");
    };`);
  const ids = [...fn.ask("", 5), ...fn.ask("reject"), ...fn.ask("", 5)];
  await fn.answered(ids);
  await fn.until(() => fn.failuresOfOne.length === 1);
  expect(fn.failuresOfOne).toEqual([ids]);
  const later = fn.ask("reject", 10);
  await fn.answered(later);
  await fn.until(() => fn.ends.length === 10);
  expect(fn.ends).toEqual(later.map((id) => ["uncaught", id]));
});

it("requests that have not begun are known when the isolate runs out of memory", {
  timeout: 30_000,
}, async () => {
  using fn = await start(
    `export default ({ url }) => {
      const kept = [];
      if (url.endsWith("fill")) for (;;) kept.push(new Array(100_000).fill(kept.length));
      return new Response("fine");
    };`,
    { ...LIMITS, cpuMs: 20_000 },
  );
  fn.ask("", 10);
  const [fill = 0] = fn.ask("fill");
  const after = fn.ask("", 20);
  await fn.until(() => fn.ends.length > 0);
  expect(fn.ends).toEqual([["memory-limit", fill]]);
  expect(fn.entries.unbegun).toEqual(after);
});
