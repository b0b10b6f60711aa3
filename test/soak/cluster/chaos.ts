/**
 * Any of three may die: servers are killed, stopped and cut off, and runners killed, by a seed, while a client at each place
 * never stops.
 *
 * C1  Every GET and every PUT is answered right, with one retry where a connection is lost.
 * C2  Every message that was acknowledged to its writer is handled, and nothing is handled that was not sent.
 * C3  Messages of one subject are handled in their order.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { messageOf } from "../../../contracts/index.ts";
import { pushBuild } from "../../../control/index.ts";
import { type Nats, openByteKv } from "../../../nats/index.ts";
import { eventually } from "../../harness/eventually.ts";
import { buildSource } from "../../harness/function-source.ts";
import { createRandom, type Random } from "../random.ts";
import { type Places, startPlaces } from "./places.ts";

export interface ChaosOptions {
  binary: string;
  seed: number;
  /** How many things go wrong, one after the other. */
  faults: number;
  /** How long each lasts. */
  faultMs: number;
  /** The folder of the nodes' caches. Default: one of this run. */
  cacheDir?: string;
  say?(line: string): void;
}

export interface ChaosReport {
  /** Breaches of C1, C2 or C3. */
  faults: string[];
  events: string[];
  answers: number;
  retries: number;
  handled: number;
  /** The longest time that a request took, and a message until it was acknowledged. */
  longestMs: { request: number; message: number };
}

const SUBJECTS = ["work.a", "work.b", "work.c"] as const;
const SETTLE_MS = 60_000;
const ANSWER_MS = 40_000;
const PAUSE_MS = 20;

const ECHO = `export default {
  async fetch(request) { return new Response(new URL(request.url).search + (await request.text())); },
};`;
const TAKER = `export default {
  async queue(batch, env) {
    const [message] = batch.messages;
    await env.TAKEN.create(message.subject + "/" + message.text(), "").catch((error) => {
      if (error.name !== "KvConflictError") throw error;
    });
  },
};`;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { say = () => undefined } = options;
  const random = createRandom(options.seed);
  await using places = await startPlaces(options.binary, options.cacheDir);
  await prepare(places);
  await places.untilWhole();
  say("three of each are there");
  const report: ChaosReport = {
    ...{ faults: [], events: [], answers: 0, retries: 0, handled: 0 },
    longestMs: { request: 0, message: 0 },
  };
  const ending = new AbortController();
  const load = [
    ...places.gateways.map(({ httpUrl }, place) => callUntil(ending.signal, httpUrl, place, report)),
    ...SUBJECTS.map((subject) => writeUntil(ending.signal, places.connection, subject, report)),
  ];
  for (let count = 0; count < options.faults; count++) {
    const event = await breakOne(places, random, options.faultMs);
    report.events.push(event);
    say(`${event}; ${report.answers} answers, longest ${Math.round(report.longestMs.request)} ms`);
    await places.untilWhole();
  }
  ending.abort();
  const sent = (await Promise.all(load)).filter((count) => count !== undefined);
  await checkHandled(places.connection, sent, report);
  return report;
}

async function prepare({ connection }: Places): Promise<void> {
  const manager = await jetstreamManager(connection.connection, { checkAPI: false });
  const stream = { name: "work", subjects: ["work.>"], num_replicas: 3 };
  await eventually(() => manager.streams.add(stream), { timeoutMs: SETTLE_MS });
  await pushBuild(connection, await buildSource("echo", ECHO, { scale: { min: 1 } }));
  await pushBuild(
    connection,
    await buildSource("taker", TAKER, {
      bindings: [{ name: "TAKEN", kv: "taken" }],
      consume: {
        ...{ stream: "work", filter: SUBJECTS, ordered: true, ackWaitMs: 5_000, maxDeliver: 1_000 },
        backoff: { minMs: 50, maxMs: 500 },
      },
    }),
  );
}

async function callUntil(
  signal: AbortSignal,
  url: string,
  place: number,
  report: ChaosReport,
): Promise<undefined> {
  for (let number = 0; !signal.aborted; number++) {
    const isPut = number % 2 === 1;
    const query = `?${place}-${number}`;
    const init = isPut ? { method: "PUT", body: "body" } : {};
    const sentAt = performance.now();
    const wrong = await callOnce(`${url}/echo${query}`, init, isPut ? `${query}body` : query, report);
    report.answers += 1;
    report.longestMs.request = Math.max(report.longestMs.request, performance.now() - sentAt);
    if (wrong !== undefined)
      report.faults.push(`${init.method ?? "GET"} ${query} at place ${place}: ${wrong}`);
    await sleep(PAUSE_MS);
  }
}

/** Undefined: the answer is right. */
async function callOnce(
  url: string,
  init: RequestInit,
  expected: string,
  report: ChaosReport,
): Promise<string | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      const response = await fetch(url, { ...init, signal: AbortSignal.timeout(ANSWER_MS) });
      const text = await response.text();
      return response.status === 200 && text === expected
        ? undefined
        : `${response.status} ${text.slice(0, 200)}`;
    } catch (error) {
      if (tries === 2) return messageOf(error);
      report.retries += 1;
    }
  }
}

/** Sends numbers, each until it is acknowledged; returns how many were. */
async function writeUntil(
  signal: AbortSignal,
  nats: Nats,
  subject: string,
  report: ChaosReport,
): Promise<number> {
  let count = 0;
  for (; !signal.aborted; count++) {
    const sentAt = performance.now();
    // A message whose acknowledgement is lost is stored once, by its id.
    const options = { msgID: `${subject}-${count}`, timeout: 2_000 };
    await eventually(() => jetstream(nats.connection).publish(subject, String(count), options), {
      timeoutMs: SETTLE_MS,
    });
    report.longestMs.message = Math.max(report.longestMs.message, performance.now() - sentAt);
    await sleep(5 * PAUSE_MS);
  }
  return count;
}

async function breakOne(places: Places, random: Random, lastsMs: number): Promise<string> {
  const { cluster } = places;
  const place = random.between(0, 2);
  const name = `n${place}`;
  const kind = random.pick(["kill", "cut", "stop", "node"] as const);
  if (kind === "node") await places.replaceNode(place);
  else if (kind === "kill") await cluster.kill(name);
  else cluster[kind](name);
  await sleep(lastsMs);
  if (kind === "kill") cluster.start(name);
  if (kind === "cut") cluster.heal(name);
  if (kind === "stop") cluster.resume(name);
  return `${kind} ${place}`;
}

async function checkHandled(nats: Nats, sent: readonly number[], report: ChaosReport): Promise<void> {
  const expected = SUBJECTS.map((subject, index) =>
    Array.from({ length: sent[index] ?? 0 }, (_, number) => `${subject}/${number}`),
  );
  const count = expected.flat().length;
  const handled = await eventually(
    async () => {
      const keys = await handledKeys(nats);
      if (keys.length < count) throw new Error(`${keys.length} of ${count} messages are handled`);
      return keys;
    },
    { timeoutMs: SETTLE_MS },
  ).catch(async (error: unknown) => {
    report.faults.push(messageOf(error));
    return handledKeys(nats);
  });
  report.handled = handled.length;
  for (const [index, subject] of SUBJECTS.entries()) {
    const keys = handled.filter((key) => key.startsWith(`${subject}/`));
    const wrong = keys.findIndex((key, at) => key !== expected[index]?.[at]);
    if (wrong >= 0) report.faults.push(`${subject}: ${keys[wrong]} was handled as number ${wrong}`);
  }
}

/** In the order in which they were handled: each is written once. */
async function handledKeys(nats: Nats): Promise<string[]> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const { state } = await manager.streams.info("KV_taken", { subjects_filter: "$KV.taken.>" });
  const keys: string[] = [];
  const kv = openByteKv(nats, "taken");
  for (let after = 0; keys.length < Object.keys(state.subjects ?? {}).length; ) {
    const page = await kv.list({ prefix: "", limit: 1_000, after });
    keys.push(...page.keys.map(({ key }) => key));
    if (page.next === undefined) break;
    after = page.next;
  }
  return keys;
}
