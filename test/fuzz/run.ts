import { createRandom } from "../soak/random.ts";
import { play } from "./client.ts";
import { createScript } from "./script.ts";

/** How many connections are open at a time. */
const CLIENTS = 16;

export interface Run {
  /** The URLs of the gateways. Connections go to each in turn. */
  urls: readonly [string, ...string[]];
  seed: number;
  /** The range of connections of the seed: from `from` up to, not including, `to`. */
  from: number;
  to: number;
  onPlayed?(id: number): void | Promise<void>;
}

/** Plays connections of a seed. Rejects at the first wrong answer, with the connection's number. */
export async function playAll({ urls, seed, from, to, onPlayed }: Run): Promise<void> {
  let next = from;
  let isOver = false;
  const client = async () => {
    while (next < to && !isOver) {
      const id = next++;
      await playOne(urls[id % urls.length] ?? urls[0], seed, id);
      await onPlayed?.(id);
    }
  };
  try {
    await Promise.all(Array.from({ length: CLIENTS }, client));
  } finally {
    isOver = true;
  }
}

async function playOne(url: string, seed: number, id: number): Promise<void> {
  const script = createScript(createRandom(seed * 1_000_003 + id), id);
  try {
    await play(url, script);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new Error(`connection ${id} of seed ${seed} (${script.names.join(", ")}): ${detail}`, {
      cause: error,
    });
  }
}
