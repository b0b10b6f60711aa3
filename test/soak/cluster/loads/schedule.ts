/**
 * C3  Every tick of a schedule runs, and is recorded once. A run whose end is lost with its runner, or with its server, comes
 *     again with the same id: how often is counted.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { pushBuild } from "../../../../control/index.ts";
import { openSchedules } from "../../../../nats/index.ts";
import { eventually } from "../../../harness/eventually.ts";
import { buildSource } from "../../../harness/function-source.ts";
import { effectsBinding, effectsOf, type Load, type LoadOptions, NOTE, SETTLE_MS } from "./load.ts";

const PERIOD_MS = 2_000;
const CLOCK = `${NOTE}
export default {
  async scheduled({ scheduledTime }, env) {
    await note(env, "tick/" + Number(scheduledTime) + "/" + crypto.randomUUID());
  },
};`;

export function createScheduleLoad({ places, tally }: LoadOptions): Load {
  const { connection } = places;
  let [fromMs, toMs] = [0, 0];
  return {
    async prepare() {
      const schedule = { name: "tick", cron: "*/2 * * * * *", missed: "all", overlap: "queue", retries: 5 };
      const config = { bindings: [effectsBinding], schedule };
      await pushBuild(connection, await buildSource("clock", CLOCK, config));
      await eventually(
        async () => {
          const [first] = await effectsOf(places, "tick/");
          if (first === undefined) throw new Error("the schedule has not begun");
          fromMs = Number.parseInt(first, 10);
        },
        { timeoutMs: SETTLE_MS },
      );
    },
    async run(signal) {
      while (!signal.aborted) await sleep(PERIOD_MS);
      toMs = Math.floor(Date.now() / PERIOD_MS) * PERIOD_MS;
    },
    async check() {
      const wanted = Array.from(
        { length: (toMs - fromMs) / PERIOD_MS + 1 },
        (_, at) => fromMs + at * PERIOD_MS,
      );
      await eventually(
        async () => {
          const ran = new Set((await effectsOf(places, "tick/")).map((key) => Number.parseInt(key, 10)));
          const missing = wanted.filter((tick) => !ran.has(tick));
          if (missing.length > 0) throw new Error(`ticks did not run: ${missing.join(", ")}`);
        },
        { timeoutMs: SETTLE_MS },
      ).catch((error: Error) => tally.fault(error.message));
      tally.count("ticks", wanted.length);
      const runs = (await effectsOf(places, "tick/")).map((key) => Number.parseInt(key, 10));
      tally.count("ticks again", runs.length - new Set(runs).size);
      const records = await (await openSchedules(connection)).records({
        function: "clock",
        schedule: "tick",
      });
      for (const { outcome, id } of records)
        if (outcome !== "ok") tally.fault(`the tick ${id} is ${outcome}`);
      if (new Set(records.map(({ id }) => id)).size !== records.length) tally.fault("a tick has two records");
    },
  };
}
