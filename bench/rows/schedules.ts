/** How late schedules begin, many of which are due in the same second, while their functions sleep before the first one. */
import { setTimeout as sleep } from "node:timers/promises";
import { connectNats, openSchedules } from "../../nats/index.ts";
import { percentile } from "../figures.ts";
import type { Bench } from "../frame/bench.ts";
import { OURS, type Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { startSystem } from "../system.ts";

const FUNCTIONS = 10;
const SCHEDULES = 10;
/** The seconds between two ticks of each. */
const PERIOD_SECONDS = 2;

const secondsOf = (size: Size) => size(30, 10);

const rows = () => ({
  late: {
    name: `${FUNCTIONS * SCHEDULES} schedules of one second, p99 of their lateness`,
    unit: "ms",
    targets: [{ atMost: 1_000 }],
  },
});

export const schedules: Section = { rows, measure, needs: [], isUnguarded: true };

const CODE = "export default { scheduled: () => undefined };\n";

async function measure(bench: Bench): Promise<void> {
  const config = JSON.stringify({
    schedule: Array.from({ length: SCHEDULES }, () => ({
      cron: `*/${PERIOD_SECONDS} * * * * *`,
      overlap: "allow",
      missed: "all",
    })),
  });
  const names = Array.from({ length: FUNCTIONS }, (_, at) => `late${at}`);
  await using functions = await writeFunctions(names.map((name) => ({ name, code: CODE, config })));
  bench.heading(`${FUNCTIONS * SCHEDULES} schedules that are due in the same second`);
  await using system = await startSystem([functions.folder]);
  const seconds = secondsOf(bench.size);
  await sleep(seconds * 1_000);
  const nats = await connectNats({ url: system.nats, name: "bench" });
  try {
    const store = await openSchedules(nats);
    const keys = names.flatMap((name) =>
      Array.from({ length: SCHEDULES }, (_, at) => ({ function: name, schedule: String(at + 1) })),
    );
    const runs = (await Promise.all(keys.map((key) => store.records(key)))).flat();
    const late = runs.map(({ startedMs = Number.POSITIVE_INFINITY, tickMs }) => startedMs - tickMs);
    const failed = runs.filter(({ outcome }) => outcome !== "ok").length;
    const few = runs.length < (keys.length * seconds) / PERIOD_SECONDS / 2;
    bench.print("runs", String(runs.length));
    bench.record(rows().late, {
      [OURS]: [{ value: percentile(late, 0.99), errors: failed + (few ? 1 : 0) }],
    });
  } finally {
    await nats.close();
  }
}
