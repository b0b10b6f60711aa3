/**
 * The kill matrix of durable workflows: workflows of ten steps with sleeps, waits and children run, while hosts, runners, the
 * gateway and nats-server are killed (SIGKILL) around each kind of append.
 *
 * M1  Every workflow ends, with the values that its effects were given at first.
 * M2  No command has two results in its journal, and nothing follows a final record.
 * M3  No effect has a second key.
 * M4  No request is answered with an error of the function: what kills do to it is told as 502, 503 or 504, which a client may repeat.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { subjects } from "../../../contracts/index.ts";
import { Journals, type Nats } from "../../../nats/index.ts";
import { createRandom, type Random } from "../random.ts";
import { EVENT, faultsOf, strayEffects } from "./check.ts";
import { WORKFLOW, workflowSource } from "./code.ts";
import { type Effects, startEffects } from "./effects.ts";
import { type Kill, killsOf, kindsOf } from "./kills.ts";
import { type Narun, startNarun } from "./processes.ts";
import type { ServerCount } from "./servers.ts";

export interface MatrixOptions {
  /** The program of nats-server. */
  binary: string;
  /** One, or a cluster of three, of which one is killed at a time. Default: one. */
  servers?: ServerCount;
  seed: number;
  workflows: number;
  /** How many workflows are under way at a time. Each further one waits for one more kill. */
  atOnce: number;
  /** How long a kill waits for its moment, and the pause behind it. */
  patienceMs: number;
  pauseMs: number;
  /** How long one workflow may take, with all kills. */
  mostMs: number;
  say?(line: string): void;
}

export interface MatrixReport {
  faults: string[];
  kills: Kill[];
  /** How many effects were asked for more than once. */
  repeated: number;
  effects: number;
}

export async function runMatrix(options: MatrixOptions): Promise<MatrixReport> {
  const random = createRandom(options.seed);
  const watch = new Watch();
  await using effects = await startEffects(options.binary, (isDone) => watch.atEffect(isDone));
  await using narun = await startNarun(options.binary, options.servers ?? 1);
  watch.follow(narun.connection);
  await narun.push(WORKFLOW, workflowSource(effects.url), {
    workflow: true,
    egress: [effects.address],
    scale: { idleSeconds: 1 },
  });
  const ending = new AbortController();
  const kills: Kill[] = [];
  const killing = killUntil(ending.signal, {
    narun,
    watch,
    random,
    options,
    onKill: (kill) => kills.push(kill),
  });
  const ids = Array.from({ length: options.workflows }, (_, at) => `m${options.seed}-${at}`);
  const blamed: string[] = [];
  const onBlamed = (answer: string) => blamed.push(answer);
  const results = await runAll({ ids, http: narun.http, watch, onBlamed }, options);
  ending.abort();
  await killing;
  const { faults, ...counts } = await judge(narun, effects, ids, results);
  return { faults: [...faults, ...blamed], ...counts, kills };
}

async function judge(
  { connection }: Narun,
  effects: Effects,
  ids: readonly string[],
  results: ReadonlyMap<string, unknown>,
): Promise<Omit<MatrixReport, "kills">> {
  const values = await effects.values();
  const faults = strayEffects(ids, values);
  for (const id of ids) faults.push(...(await faultsOf(connection, id, results.get(id), values)));
  const repeated = [...effects.asked.values()].filter((times) => times > 1).length;
  return { faults, repeated, effects: values.size };
}

/** Waits for the moments of kills, and counts them. */
class Watch {
  readonly #waiting: { count: number; resolve: () => void }[] = [];
  #count = 0;
  #kill: { kill: Kill; strike: () => void } | undefined;
  #journals: Journals | undefined;

  follow(nats: Nats): void {
    this.#journals = new Journals(nats);
    nats.subscribe(subjects.workflowsAll, (message) => {
      const { kind, moment } = this.#kill?.kill ?? {};
      if (
        kind === undefined ||
        moment === "before" ||
        !kindsOf(message.subject, message.text()).includes(kind)
      )
        return;
      if (moment === "inside") this.#strike();
      else void this.#whenStored(message.subject.slice(nats.world.toWire("").length), message.text());
    });
  }

  /** Half of the kills before a result come before the effect, and half behind it. */
  async atEffect(isDone: boolean): Promise<void> {
    if (this.#kill?.kill.moment === "before" && (isDone || Math.random() < 0.5)) this.#strike();
  }

  /** Resolves at the moment of a kill, or after a time. */
  async until(kill: Kill, patienceMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#kill = { kill, strike: resolve };
    const timer = setTimeout(resolve, patienceMs);
    await promise;
    clearTimeout(timer);
    this.#kill = undefined;
    this.#count += 1;
    for (const { count, resolve: go } of this.#waiting) if (count <= this.#count) go();
  }

  /** Resolves after so many kills. */
  async untilKills(count: number): Promise<void> {
    if (count <= this.#count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  async #whenStored(subject: string, text: string): Promise<void> {
    const last = await this.#journals?.lastOf(subject).catch(() => undefined);
    if (last?.text === text) this.#strike();
  }

  #strike(): void {
    this.#kill?.strike();
  }
}

interface Killing {
  narun: Narun;
  watch: Watch;
  random: Random;
  options: MatrixOptions;
  onKill(kill: Kill): void;
}

async function killUntil(signal: AbortSignal, killing: Killing): Promise<void> {
  const { narun, watch, random, options, onKill } = killing;
  for (const kill of killsOf(random)) {
    if (signal.aborted) return;
    await watch.until(kill, options.patienceMs);
    if (signal.aborted) return;
    if (!(await narun.kill(kill.victim, random))) continue;
    onKill(kill);
    options.say?.(`kill -9 of ${kill.victim} ${kill.moment} ${kill.kind}`);
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

async function runAll(
  { ids, http, watch, onBlamed }: Asked,
  { atOnce, mostMs, seed, say }: MatrixOptions,
): Promise<Map<string, unknown>> {
  const random = createRandom(seed + 1);
  const results = new Map<string, unknown>();
  const left = [...ids];
  const work = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      await watch.untilKills(ids.indexOf(id) - atOnce + 1);
      const input = { sleepMs: random.between(20, 400) };
      results.set(id, await runOne(`${http}/${WORKFLOW}/${id}`, input, { mostMs, onBlamed }).catch(String));
      say?.(`${id} has ended`);
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
