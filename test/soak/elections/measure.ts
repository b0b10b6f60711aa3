/**
 * Kills (or stops, or cuts off) the server of three that leads most of the streams, again and again, and begins each kind of work at that moment: how long its streams have no leader, and how
 * much longer the work takes.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../../contracts/index.ts";
import { connectNats } from "../../../nats/index.ts";
import { startPlaces } from "../cluster/places.ts";
import { watchLeaders } from "./leaders.ts";
import { type Operation, operationsOf } from "./operations.ts";

export interface MeasureOptions {
  binary: string;
  kills: number;
  kind: "kill" | "stop" | "cut";
  say(line: string): void;
}

/** One piece of work at one kill. */
export interface Measured {
  name: string;
  /** Until the last of its streams had a leader again; 0: none of its leaders was killed. */
  leaderlessMs: number;
  tookMs: number;
  failed: string | undefined;
}

const DOWN_MS = 12_000;

export async function measureElections({ binary, kills, kind, say }: MeasureOptions): Promise<Measured[]> {
  await using places = await startPlaces(binary);
  const { cluster } = places;
  await using listeners = new AsyncDisposableStack();
  const connections = await Promise.all(
    cluster.names.map((name) => connectNats({ url: cluster.url(name), name: "leaders" })),
  );
  for (const connection of connections) listeners.defer(() => connection.close());
  const watch = watchLeaders(places.connection, connections);
  const operations = operationsOf(places);
  for (const operation of operations) await operation.prepare();
  const all: Measured[] = [];
  for (let kill = 1; kill <= kills; kill++) {
    await places.untilWhole();
    const leaders = await watch.leaders();
    const name = mostUsed(operations, leaders);
    watch.forget();
    const killedAtMs = performance.now();
    if (kind === "kill") await cluster.kill(name);
    else cluster[kind](name);
    const down = sleep(DOWN_MS);
    const works = operations.map(async (operation): Promise<() => Measured> => {
      const failed = await operation.work(kill).then(() => undefined, messageOf);
      const tookMs = Math.round(performance.now() - killedAtMs);
      return () => {
        const ends = operation.streams
          .filter((stream) => leaders.get(stream) === name)
          .map((stream) => (watch.electedAtMs.get(stream) ?? killedAtMs) - killedAtMs);
        return { name: operation.name, leaderlessMs: Math.round(Math.max(0, ...ends)), tookMs, failed };
      };
    });
    const done = (await Promise.all(works)).map((read) => read());
    await down;
    all.push(...done);
    say(`${kind} ${kill}, ${name}: ${done.map(wordsOf).join("; ")}`);
    if (kind === "kill") cluster.start(name);
    else if (kind === "stop") cluster.resume(name);
    else cluster.heal(name);
  }
  return all;
}

function mostUsed(operations: readonly Operation[], leaders: ReadonlyMap<string, string>): string {
  const counts = new Map<string, number>();
  for (const stream of new Set(operations.flatMap(({ streams }) => streams))) {
    const leader = leaders.get(stream);
    if (leader !== undefined) counts.set(leader, (counts.get(leader) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "n0";
}

function wordsOf({ name, leaderlessMs, tookMs, failed }: Measured): string {
  const beyond = `${name} ${tookMs} (${leaderlessMs} + ${tookMs - leaderlessMs})`;
  return failed === undefined ? beyond : `${beyond} failed: ${failed}`;
}
