/** The kinds of work that go on during chaos. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../../../contracts/index.ts";
import { openByteKv } from "../../../../nats/index.ts";
import type { Places } from "../places.ts";
import type { Tally } from "../tally.ts";

/** Work that never stops, and its verdict at the end. */
export interface Load {
  /** Deploys what it needs. */
  prepare(): Promise<void>;
  /** Works until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Waits for what is still under way, and reports breaches. */
  check(): Promise<void>;
}

export interface LoadOptions {
  places: Places;
  tally: Tally;
}

/** How long the end of all work is waited for. */
export const SETTLE_MS = 90_000;
/** How long a client waits for one answer. */
const ANSWER_MS = 40_000;

/** The bucket in which functions note what they did: each key is written once. */
export const EFFECTS = "effects";
export const effectsBinding = { name: "EFFECTS", kv: EFFECTS };

/**
 * For functions: notes an effect once, and goes on trying, as a write needs a leader. Returns the value that is there.
 */
export const NOTE = `
async function note(env, key, value = "") {
  for (let tries = 1; ; tries++) {
    try {
      await env.EFFECTS.create(key, value);
      return value;
    } catch (error) {
      if (error.name === "KvConflictError") return null;
      if (tries === 30) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
`;

/** The keys below a prefix, without it, in the order in which they were written. */
export async function effectsOf({ connection }: Places, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  const kv = openByteKv(connection, EFFECTS);
  for (let after = 0; ; ) {
    const page = await kv.list({ prefix, limit: 1_000, after });
    keys.push(...page.keys.map(({ key }) => key.slice(prefix.length)));
    if (page.next === undefined) return keys;
    after = page.next;
  }
}

export interface Answer {
  status: number;
  text: string;
  headers: Headers;
}

/** A request to the gateway of a place. Where its connection is lost it goes to another gateway once. Rejects after that. */
export async function ask(
  { places, tally }: LoadOptions,
  place: number,
  path: string,
  init: RequestInit = {},
): Promise<Answer> {
  for (let tries = 0; ; tries++) {
    const url = places.urls[(place + tries) % places.urls.length];
    try {
      const response = await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(ANSWER_MS) });
      return { status: response.status, text: await response.text(), headers: response.headers };
    } catch (error) {
      if (tries === 1) throw error;
      tally.count("retries");
    }
  }
}

/** Works again and again until the signal aborts. */
export async function repeat(
  signal: AbortSignal,
  pauseMs: number,
  work: (number: number) => Promise<void>,
): Promise<void> {
  for (let number = 0; !signal.aborted; number++) {
    await work(number);
    await sleep(pauseMs);
  }
}

export function describe({ status, text }: Answer): string {
  return `${status} ${text.slice(0, 200)}`;
}

/** The words of an error, and of its cause. */
export function reasonOf(error: unknown): string {
  const { cause } = error as Error;
  return cause === undefined ? messageOf(error) : `${messageOf(error)} (${messageOf(cause)})`;
}
