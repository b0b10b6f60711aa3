/** The cost of one more idle function: the memory of its isolate, and of the host's data about it. */
import { setTimeout as pause } from "node:timers/promises";
import type { Bench } from "../frame/bench.ts";
import { OURS, type Row, type Sample, type Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { HELLO, writeFunctions } from "../functions.ts";
import { hostOf, MIB, ownMemory, residentMemory } from "../processes.ts";
import { startSystem } from "../system.ts";

/** Functions that are started before the measurement: the host compiles code, and fills its pool of prepared isolates. */
const FIRST = 10;
/** Number of requests to one function, as many as to the others: the host's own memory for requests is not the isolates'. */
const TURNS = 50;

const countOf = (size: Size) => size(50, 10);
const turnsOf = (size: Size) => size(TURNS, 10);

const rows = (size: Size) => {
  const row = (name: string) => ({ name, unit: "MiB", targets: [] });
  return {
    first: row("an idle isolate, after one request"),
    later: row(`an idle isolate, after ${turnsOf(size) + 1}, with the host's growth`),
    host: row(`the host with ${FIRST + countOf(size)} isolates, resident`),
  };
};

export const memory: Section = { rows, measure, needs: ["Linux"], isUnguarded: true };

async function measure(bench: Bench): Promise<void> {
  const count = countOf(bench.size);
  const turns = turnsOf(bench.size);
  const names = Array.from({ length: FIRST + count }, (_, index) => `idle${index}`);
  await using functions = await writeFunctions(
    names.map((name) => ({ name, code: HELLO, config: "scale: { idleSeconds: 3600 }\n" })),
  );
  await using system = await startSystem([functions.folder]);
  const call = async (name: string) => {
    const response = await fetch(`${system.http}/${name}`, { signal: AbortSignal.timeout(30_000) });
    if ((await response.text()) !== "Hello, world!") throw new Error(`${name}: status ${response.status}`);
  };
  const further = names.slice(FIRST);
  const host = await renewHost(system.pid);
  for (let turn = 0; turn < (turns * count) / FIRST; turn++)
    for (const name of names.slice(0, FIRST)) await call(name);
  const before = await settled(host);
  const perIsolate = async () => ({ value: ((await settled(host)) - before) / count / MIB });

  bench.heading(`memory of a further idle isolate, ${count} of them in one host`);
  for (const name of further) await call(name);
  const { first, later, host: all } = rows(bench.size);
  const record = (row: Row, sample: Sample) => bench.record(row, { [OURS]: [sample] });
  record(first, await perIsolate());
  for (let turn = 0; turn < turns; turn++) for (const name of further) await call(name);
  record(later, await perIsolate());
  record(all, { value: residentMemory(host) / MIB });
}

/**
 * Ends the host. The runner starts another one. The first host tried the functions when they were pushed. It still holds
 * memory of those isolates, which the next isolates would reuse.
 */
async function renewHost(pid: number): Promise<number> {
  const first = hostOf(pid);
  process.kill(first, "SIGKILL");
  for (let look = 0; look < 100; look++) {
    await pause(100);
    try {
      const next = hostOf(pid);
      if (next !== first) {
        // The pool of the new host fills.
        await pause(1_000);
        return next;
      }
    } catch {
      // The first host has ended, the next one does not exist yet.
    }
  }
  throw new Error("the host did not come back");
}

/** The memory of an idle process, as soon as it no longer changes. */
async function settled(pid: number): Promise<number> {
  let last = ownMemory(pid);
  for (let look = 0; look < 20; look++) {
    await pause(500);
    const now = ownMemory(pid);
    if (Math.abs(now - last) < 64 * 1024) return now;
    last = now;
  }
  return last;
}
