/** What another idle function costs: the memory of its isolate and of all that the host keeps for it. */
import { setTimeout as pause } from "node:timers/promises";
import { heading, print } from "./figures.ts";
import { HELLO, writeFunctions } from "./functions.ts";
import { hostOf, ownMemory, residentMemory } from "./processes.ts";
import { startSystem } from "./system.ts";

const MIB = 1024 * 1024;

/**
 * Before these the host is not yet in its stride: it compiles, and holds memory of the isolates in which it tried the
 * functions when they were pushed, which the next ones take over.
 */
const FIRST = 50;

export async function measureMemory({ isQuick }: { isQuick: boolean }): Promise<void> {
  const count = isQuick ? 10 : 50;
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
  for (const name of names.slice(0, FIRST)) await call(name);
  const host = hostOf(system.pid);
  const before = await settled(host);
  for (const name of further) await call(name);
  const after = await settled(host);

  heading(`memory of a further idle isolate, ${count} of them in one host`);
  print("after one request each", perIsolate(before, after, count));
  for (let turn = 0; turn < 50; turn++) for (const name of further) await call(name);
  print("after 51 requests each", perIsolate(before, await settled(host), count));
  print(`the host with all ${names.length}`, `${(residentMemory(host) / MIB).toFixed(0)} MiB resident`);
}

const perIsolate = (before: number, after: number, count: number) =>
  `${((after - before) / count / MIB).toFixed(2)} MiB`;

/** The memory of a process that has nothing to do, as soon as it stays the same. */
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
