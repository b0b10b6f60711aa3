/** C3  Every tick of a schedule runs, and is recorded once. A run that is repeated has another attempt. */
import { setTimeout as sleep } from "node:timers/promises";
import { pushBuild } from "../../../../control/index.ts";
import { openSchedules } from "../../../../nats/index.ts";
import { eventually } from "../../../harness/eventually.ts";
import { buildSource } from "../../../harness/function-source.ts";
import { effectsBinding, effectsOf, type Load, type LoadOptions, NOTE, SETTLE_MS } from "./load.ts";

const PERIOD_MS = 2_000;
const CLOCK = `${NOTE}
export default {
  async scheduled({ scheduledTime, attempts }, env) {
    const first = await note(env, "tick/" + Number(scheduledTime) + "/" + attempts);
    if (first === null) await note(env, "twice/" + Number(scheduledTime) + "/" + attempts);
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
      const runs = await effectsOf(places, "tick/");
      tally.count("ticks again", runs.filter((key) => !key.endsWith("/1")).length);
      const twice = await effectsOf(places, "twice/");
      if (twice.length > 0) tally.fault(`ticks ran twice in one attempt: ${twice.join(", ")}`);
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
