/**
 * The kill matrix of durable workflows: workflows of ten steps with sleeps, waits and children run, while hosts, runners, the
 * gateway and nats-server are killed (SIGKILL) around each kind of append.
 *
 * M1  Every workflow ends, with the values that its effects were given at first.
 * M2  No command has two results in its journal, and nothing follows a final record.
 * M3  No effect has a second key.
 * M4  No request is answered with an error of the function: what kills do to it is told as 502, 503 or 504, which a client may repeat.
 * M5  A process that takes the place of a killed one is ready within `MOST_BACK_MS`.
 *
 * The workflows are shared out among the kills: a kill is armed, its share begins, and it strikes at its moment. So workflows are under
 * way at each kill, however many there are, and the run takes as long as its kills do.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createRandom, type Random } from "../random.ts";
import { EVENT, faultsOf, strayEffects } from "./check.ts";
import { WORKFLOW, workflowSource } from "./code.ts";
import { type Effects, startEffects } from "./effects.ts";
import { type Kill, killsOf } from "./kills.ts";
import { type Narun, startNarun } from "./processes.ts";
import type { ServerCount } from "./servers.ts";
import { Watch } from "./watch.ts";

export interface MatrixOptions {
  /** The program of nats-server. */
  binary: string;
  /** One, or a cluster of three, of which one is killed at a time. Default: one. */
  servers?: ServerCount;
  seed: number;
  workflows: number;
  /** The number of kills among which the workflows are shared out. */
  kills: number;
  /** Upper bound of the workflows under way at a time. */
  atOnce: number;
  /** How long a kill waits for its moment, and the pause behind it. */
  patienceMs: number;
  pauseMs: number;
  /** How long one workflow may take, with all kills. */
  mostMs: number;
  say?(line: string): void;
}

/** A kill that was carried out. */
export interface Killed extends Kill {
  /** It came at its moment, and not because its time was over. */
  isInTime: boolean;
}

export interface MatrixReport {
  faults: string[];
  kills: Killed[];
  /** The longest time for which a runner, a gateway or a server that was killed was away. */
  mostAwayMs: number;
  /** How many effects were asked for more than once. */
  repeated: number;
  effects: number;
}

/** Upper bound of the start of a process, on a machine that does much else. */
const MOST_BACK_MS = 60_000;

export async function runMatrix(options: MatrixOptions): Promise<MatrixReport> {
  const random = createRandom(options.seed);
  const watch = new Watch(createRandom(options.seed + 2));
  await using effects = await startEffects(options.binary, (isDone) => watch.atEffect(isDone));
  const away: { victim: string; ms: number }[] = [];
  const onBack = (victim: string, ms: number) => {
    away.push({ victim, ms });
    options.say?.(`${victim} is back after ${Math.round(ms)} ms`);
  };
  await using narun = await startNarun(options.binary, options.servers ?? 1, onBack);
  watch.follow(narun.connection);
  await narun.push(WORKFLOW, workflowSource(effects.url), {
    workflow: true,
    egress: [effects.address],
    scale: { idleSeconds: 1 },
  });
  const ending = new AbortController();
  const kills: Killed[] = [];
  const broken: string[] = [];
  const killing = killUntil(ending.signal, { narun, watch, random, options, kills }).catch(
    (error: unknown) => {
      broken.push(`the kills ended: ${String(error)}`);
      // The other workflows show what is left.
      watch.arm(Number.POSITIVE_INFINITY);
    },
  );
  const ids = Array.from({ length: options.workflows }, (_, at) => `m${options.seed}-${at}`);
  const blamed: string[] = [];
  const onBlamed = (answer: string) => blamed.push(answer);
  const results = await runAll({ ids, http: narun.http, watch, onBlamed }, options);
  ending.abort();
  await killing;
  const { faults, ...counts } = await judge(narun, effects, ids, results);
  const slow = away.filter(({ ms }) => ms > MOST_BACK_MS);
  const late = slow.map(({ victim, ms }) => `${victim} was away for ${Math.round(ms)} ms`);
  const mostAwayMs = Math.max(0, ...away.map(({ ms }) => ms));
  return { faults: [...faults, ...blamed, ...broken, ...late], ...counts, kills, mostAwayMs };
}

async function judge(
  { connection }: Narun,
  effects: Effects,
  ids: readonly string[],
  results: ReadonlyMap<string, unknown>,
): Promise<Omit<MatrixReport, "kills" | "mostAwayMs">> {
  const values = await effects.values();
  const faults = strayEffects(ids, values);
  for (const id of ids) faults.push(...(await faultsOf(connection, id, results.get(id), values)));
  const repeated = [...effects.asked.values()].filter((times) => times > 1).length;
  return { faults, repeated, effects: values.size };
}

interface Killing {
  narun: Narun;
  watch: Watch;
  random: Random;
  options: MatrixOptions;
  kills: Killed[];
}

async function killUntil(signal: AbortSignal, killing: Killing): Promise<void> {
  const { narun, watch, random, options, kills } = killing;
  for (const kill of killsOf(random)) {
    let isInTime: boolean;
    do {
      if (signal.aborted) return;
      isInTime = await watch.until(kill, kills.length, options.patienceMs);
      if (signal.aborted) return;
    } while (!(await narun.kill(kill.victim, random)));
    kills.push({ ...kill, isInTime });
    const { victim, moment, kind } = kill;
    const when = isInTime ? `${moment} ${kind}` : `without its moment ${moment} ${kind}`;
    options.say?.(`kill ${kills.length}: ${victim} ${when}`);
    await sleep(random.between(0, options.pauseMs));
  }
}

interface Asked {
  ids: readonly string[];
  http: string;
  watch: Watch;
  /** An answer blames the function (M4). */
  onBlamed(answer: string): void;
}

/** How many ends of workflows share a line. */
const SAID = 10;

async function runAll(
  { ids, http, watch, onBlamed }: Asked,
  { atOnce, kills, mostMs, seed, say }: MatrixOptions,
): Promise<Map<string, unknown>> {
  const random = createRandom(seed + 1);
  const results = new Map<string, unknown>();
  const left = [...ids.entries()];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [at, id] = next;
      await watch.untilArmed(Math.floor((at * kills) / ids.length));
      const input = { sleepMs: random.between(20, 400) };
      results.set(id, await runOne(`${http}/${WORKFLOW}/${id}`, input, { mostMs, onBlamed }).catch(String));
      if (results.size % SAID === 0) say?.(`${results.size} workflows have ended`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}

const RETRY_MS = 100;
const REQUEST_MS = 25_000;

/** Starts a workflow, sends its event, and waits for its result. Each request is repeated until it has an answer. */
async function runOne(
  url: string,
  input: object,
  { mostMs, onBlamed }: { mostMs: number; onBlamed(answer: string): void },
): Promise<unknown> {
  const endsAt = performance.now() + mostMs;
  const until = async (path: string, init: RequestInit, isAnswer: (status: number) => boolean) => {
    let last = "nothing";
    while (performance.now() < endsAt) {
      try {
        const answer = await fetch(url + path, { ...init, signal: AbortSignal.timeout(REQUEST_MS) });
        const text = await answer.text();
        if (isAnswer(answer.status) || text.includes("WORKFLOW_FAILED")) return text;
        last = `${answer.status} ${text}`;
        if (answer.status === 500) onBlamed(`${url}${path} was answered with ${last}`);
      } catch (error) {
        const { cause } = error as Error;
        last = `${String(error)}${cause === undefined ? "" : ` (${String(cause)})`}`;
      }
      await sleep(RETRY_MS);
    }
    throw new Error(`no answer to ${path || "the start"} within ${mostMs} ms, the last was ${last}`);
  };
  const headers = { "content-type": "application/json" };
  const isTaken = (status: number) => status >= 200 && status < 300;
  await until("", { method: "POST", headers, body: JSON.stringify(input) }, isTaken);
  const signal = { ...headers, "idempotency-key": "the-event" };
  await until("/signals/go", { method: "POST", headers: signal, body: JSON.stringify(EVENT) }, isTaken);
  return JSON.parse(await until("/result?wait=5", {}, (status) => status === 200)) as unknown;
}
