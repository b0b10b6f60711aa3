import { describe, expect, it } from "vitest";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

/** Evaluates the body of an async function inside an isolate, as JSON. */
const run = (body: string) =>
  callJson(`export default async () => Response.json(await (async () => { ${body} })())`);

describe("performance", () => {
  it("counts from the isolate's start, not from the snapshot's making", async () => {
    const before = Date.now();
    const [origin, now] = (await run("return [performance.timeOrigin, performance.now()]")) as number[];
    expect(origin).toBeGreaterThanOrEqual(before);
    expect(origin).toBeLessThanOrEqual(Date.now());
    expect(now).toBeGreaterThanOrEqual(0);
    // The origin is a whole millisecond, the elapsed time is not.
    expect(now).toBeLessThanOrEqual(Date.now() - before + 1);
  });

  it("goes on when the wall clock is set back", async () => {
    const [first, second, third] = (await run(`
      const { instant } = Temporal.Now;
      let minutes = 0;
      Temporal.Now.instant = () => instant().subtract({ minutes });
      const first = performance.now();
      minutes = 1;
      const second = performance.now();
      const until = Date.now() + 5;
      while (Date.now() < until);
      return [first, second, performance.now()]`)) as [number, number, number];
    expect(second).toBeGreaterThanOrEqual(first);
    expect(third).toBeGreaterThan(second + 3);
    expect(third).toBeLessThan(60_000);
  });

  it("counts in steps of 5 µs", async () => {
    const times = (await run(`
      const times = [performance.now()];
      for (let turn = 0; turn < 50; turn++) {
        let now = performance.now();
        while (now === times.at(-1)) now = performance.now();
        times.push(now);
      }
      return times`)) as number[];
    for (const time of times) expect(Math.abs(time * 200 - Math.round(time * 200))).toBeLessThan(0.001);
    const steps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.min(...steps)).toBeLessThan(0.5);
  });

  it("gives events the same clock once somebody measures", async () => {
    expect(
      await run(`
        const rough = new Event("a").timeStamp;
        const before = performance.now();
        const { timeStamp } = new Event("b");
        return [Number.isInteger(rough), rough <= before, before <= timeStamp, timeStamp <= performance.now()]`),
    ).toEqual([true, true, true, true]);
  });

  it("counts milliseconds where a function has taken Temporal away", async () => {
    expect(
      await run("delete globalThis.Temporal; const now = performance.now(); return Number.isInteger(now)"),
    ).toBe(true);
  });

  it("measures between marks, and tells observers", async () => {
    expect(
      await run(`
        return new Promise((resolve) => {
          new PerformanceObserver((list) => resolve(list.getEntries().map((entry) => [entry.name, entry.duration, entry.detail])))
            .observe({ entryTypes: ["measure"] });
          performance.mark("a", { startTime: 10 });
          performance.mark("b", { startTime: 25 });
          performance.measure("a to b", { start: "a", end: "b", detail: { x: 1 } });
        })`),
    ).toEqual([["a to b", 15, { x: 1 }]]);
  });

  it("knows no mark that was not made", async () => {
    expect(await run("try { performance.measure('m', 'none') } catch (error) { return error.name }")).toBe(
      "SyntaxError",
    );
  });
});

describe("navigator", () => {
  it("says where the code runs", async () => {
    expect(await run("return [navigator.userAgent, String(navigator)]")).toEqual([
      "narun",
      "[object Navigator]",
    ]);
  });
});

describe("atob and btoa", () => {
  it.each([
    ["btoa('a\\xff')", "Yf8="],
    ["atob(' YW Jj ')", "abc"],
    ["atob('YQ')", "a"],
    ["atob(btoa('x'.repeat(100_000))).length", 100_000],
    ["(() => { try { btoa('€') } catch (error) { return error.name } })()", "InvalidCharacterError"],
    ["(() => { try { atob('Y') } catch (error) { return error.name } })()", "InvalidCharacterError"],
    ["(() => { try { atob('YQ=') } catch (error) { return error.name } })()", "InvalidCharacterError"],
  ])("%s is %j", async (expression, expected) => {
    expect(await run(`return ${expression}`)).toEqual(expected);
  });
});

describe("timers", () => {
  it("refuse text, which would have to be evaluated", async () => {
    expect(
      await run("try { setTimeout('1 + 1', 0) } catch (error) { return [error.name, error.message] }"),
    ).toEqual(["TypeError", "The callback of a timer is not a function: text is not evaluated here"]);
  });

  it("take delays as 32-bit integers, and call with the global object as this", async () => {
    expect(
      await run(
        "return new Promise((resolve) => setTimeout(function (value) { resolve([this === globalThis, value]) }, 2 ** 32, 'v'))",
      ),
    ).toEqual([true, "v"]);
  });

  it("are bounded for user code, and still fire all", async () => {
    const fn = await loadTestFunction(`export default () => new Promise((resolve) => {
      let fired = 0;
      for (let count = 0; count < 10_000; count++) setTimeout(() => ++fired === 10_000 && resolve(Response.json([refusal, timedOut])), 50);
      let refusal;
      let timedOut = false;
      AbortSignal.timeout(1).onabort = () => { timedOut = true };
      try { setTimeout(() => {}, 0) } catch (error) { refusal = error.name }
    })`);
    expect(await fn.call()).toMatchObject({ body: '["RangeError",true]' });
  });
});
