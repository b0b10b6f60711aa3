/**
 * The time of writes around elections: `npm run soak -- elections [--kills N] [--kind kill|stop|cut]`. Exits with 1 if work failed.
 */
import { parseArgs } from "node:util";
import { findNatsServer } from "../../nats-server/index.ts";
import { type Measured, measureElections } from "./elections/measure.ts";
import { say } from "./report.ts";

export async function soakElections(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { kills: { type: "string", default: "10" }, kind: { type: "string", default: "kill" } },
  });
  const kills = Number(values.kills);
  const kind = (["kill", "stop", "cut"] as const).find((one) => one === values.kind);
  if (!(kills > 0) || kind === undefined) {
    process.stderr.write("--kills takes a number above 0, --kind kill, stop or cut\n");
    process.exit(2);
  }
  const { NARUN_NATS_SERVER: path } = process.env;
  const named = path ? { path, by: "NARUN_NATS_SERVER" } : undefined;
  const { path: binary } = await findNatsServer({ named, env: process.env });
  say(`${kills} kills; milliseconds: in all (without leader + beyond)`);
  const measured = await measureElections({ binary, kills, kind, say });
  for (const name of new Set(measured.map((one) => one.name)))
    say(
      summaryOf(
        name,
        measured.filter((one) => one.name === name),
      ),
    );
  process.exitCode = measured.some(({ failed }) => failed !== undefined) ? 1 : 0;
}

function summaryOf(name: string, all: readonly Measured[]): string {
  const elected = all.filter(({ leaderlessMs }) => leaderlessMs > 0);
  const others = all.filter(({ leaderlessMs }) => leaderlessMs === 0);
  return [
    `${name}: ${elected.length} of ${all.length} with an election`,
    `without leader ${rangeOf(elected.map(({ leaderlessMs }) => leaderlessMs))}`,
    `beyond ${rangeOf(elected.map(({ leaderlessMs, tookMs }) => tookMs - leaderlessMs))}`,
    `without an election ${rangeOf(others.map(({ tookMs }) => tookMs))}`,
  ].join(", ");
}

function rangeOf(numbers: readonly number[]): string {
  return numbers.length === 0 ? "never" : `${Math.min(...numbers)} to ${Math.max(...numbers)}`;
}
