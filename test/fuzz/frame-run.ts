/**
 * Plays scripts of lying hosts against the connections of a gateway. Beside them an honest host has requests under way, whose
 * numbers the lying hosts know.
 *
 * I1  A request of a lying host gets at most one whole answer, and then nothing; the end of its connection ends it.
 * I2  The requests of the honest host get its answers, and no other.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { createHostLinks } from "../../local/index.ts";
import { createRandom } from "../soak/random.ts";
import { startClock } from "./clock.ts";
import { createFrameScript } from "./frame-script.ts";
import { startHonestHost } from "./honest-host.ts";
import { startLyingHost } from "./lying-host.ts";
import { StrictReplies } from "./strict-replies.ts";

/** How many lying hosts are there at a time. */
const HOSTS = 16;
const MACHINE = "0".repeat(32);
const REQUEST = { instance: 0, flags: 3, hops: 0, timeoutMs: 1_000, head: "GET\n", body: undefined };

export interface FrameRun {
  seed: number;
  /** The first script. Default: 0. */
  from?: number;
  /** The number after that of the last script. */
  to: number;
  onPlayed?(id: number): void;
}

/** Plays scripts of a seed. Rejects at the first broken rule, with the script's number. */
export async function playFrames({ seed, from = 0, to, onPlayed }: FrameRun): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "narun-"));
  let lastNumber = 0;
  const nextNumber = () => ++lastNumber;
  const honest = await startHonestHost(await socketIn(folder, "honest"), MACHINE, nextNumber);
  let next = from;
  let isOver = false;
  const player = async (index: number) => {
    const path = await socketIn(folder, String(index));
    while (next < to && !isOver) {
      const id = next++;
      await playOne({ path, seed, id, nextNumber, foreign: honest.underWay() });
      if (id % 50 === 0) await honest.answerAll();
      onPlayed?.(id);
    }
  };
  try {
    await Promise.all(Array.from({ length: HOSTS }, (_, index) => player(index)));
    await honest.answerAll();
  } finally {
    isOver = true;
    await honest.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function socketIn(folder: string, name: string): Promise<string> {
  await mkdir(join(folder, name));
  return join(folder, name, "s");
}

interface Turn {
  path: string;
  seed: number;
  id: number;
  nextNumber(): number;
  foreign: readonly [number, ...number[]];
}

async function playOne({ path, seed, id, nextNumber, foreign }: Turn): Promise<void> {
  const random = createRandom(seed * 1_000_003 + id);
  const numbers = { own: [nextNumber(), nextNumber(), nextNumber()], foreign } as const;
  const script = createFrameScript(random, MACHINE, numbers);
  const bugs: unknown[] = [];
  const warn = (fields: { error?: unknown }) => fields.error === undefined || bugs.push(fields.error);
  const host = await startLyingHost(path, script, numbers.own.length);
  const links = createHostLinks({ world: "w", prefix: "x.", peer: "p", warn });
  using clock = startClock();
  const { limit } = clock;
  try {
    const link = links.hold({ machine: MACHINE, path, number: 0 });
    while (!link.isOpen && !host.isOver && !limit.aborted) await turn();
    const replies = numbers.own.map((number) => new StrictReplies(number));
    const sent = replies.filter((receiver) => link.request(receiver.number, REQUEST, receiver));
    for (const { number } of sent) {
      if (random.between(0, 1) === 0) link.frame(number, { kind: "credit", bytes: 1_000 }, "");
      if (random.between(0, 3) > 0) continue;
      link.release(number);
      replies.find((receiver) => receiver.number === number)?.release();
    }
    await Promise.race([host.over, clock.over]);
    await Promise.race([Promise.all(sent.map(({ over }) => over)), clock.over]);
    const faults = [...replies.flatMap((receiver) => receiver.faults), ...bugs];
    if (limit.aborted)
      faults.push(
        `it did not end in time (${clock.state}): ${link.size} requests wait, its host ${host.state}`,
      );
    if (faults.length > 0) throw new Error(faults.map(String).join("; "), { cause: faults[0] });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new Error(`script ${id} of seed ${seed} (${script.names.join(", ")}): ${detail}`, { cause: error });
  } finally {
    links.close();
    await host.close();
  }
}
