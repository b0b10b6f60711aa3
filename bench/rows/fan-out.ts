/** Server-sent events: many streams of one instance, and events to all of them. */
import { Agent, request } from "node:http";
import { type EventStreams, openEventStreams } from "../event-streams.ts";
import { median, percentile } from "../figures.ts";
import { type Bench, samplesOf } from "../frame/bench.ts";
import type { Sample, Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { hostOf, MIB, residentMemory } from "../processes.ts";
import { type System, startSystem } from "../system.ts";

const FUNCTION = {
  name: "events",
  code: `
const clients = new Set<ReadableStreamDefaultController<Uint8Array>>();
const encoder = new TextEncoder();

export const GET = () => {
  let own: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      own = controller;
      clients.add(own);
    },
    cancel: () => void clients.delete(own),
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
};

export const POST = async (request: Request) => {
  const event = encoder.encode(\`id: \${await request.text()}\\ndata: \${Date.now()}\\n\\n\`);
  for (const client of clients) client.enqueue(event);
  return new Response(String(clients.size));
};
`,
  config: "scale: { max: 1, concurrency: 10000 }\nlimits: { cpuMs: 10000 }\n",
};

const streamsOf = (size: Size) => size(1_000, 100);

const rows = (size: Size) => {
  const events = `event to ${streamsOf(size)} streams of one instance`;
  return {
    p50: { name: `${events}: write to arrival, p50`, unit: "ms", targets: [{ atMost: 10 }] },
    p99: { name: `${events}: write to arrival, p99`, unit: "ms", targets: [{ atMost: 30 }] },
    last: { name: `${events}: request to last arrival`, unit: "ms", targets: [] },
    gateway: { name: `${events}: gateway, resident`, unit: "MiB", targets: [] },
    host: { name: `${events}: host, resident`, unit: "MiB", targets: [] },
  };
};

export const fanOut: Section = { rows, measure, needs: ["Linux"] };

async function measure(bench: Bench): Promise<void> {
  const size = { streams: streamsOf(bench.size), events: bench.size(20, 5) };
  bench.heading(
    `server-sent events, ${size.streams} open streams of one instance, ${bench.rounds} rounds of ${size.events} events to all`,
  );
  await using stack = new AsyncDisposableStack();
  const functions = stack.use(await writeFunctions([FUNCTION]));
  const fanOuts = new Map<string, FanOut>();
  for (const [name, root] of Object.entries(bench.roots)) {
    const system = stack.use(await startSystem([functions.folder], { root }));
    fanOuts.set(name, stack.use(await openFanOut(system, size.streams)));
  }
  // The first events compile the code, so that no measured event pays for it.
  for (const one of fanOuts.values()) await sendEvents(one, size);
  const turns = await bench.inTurns(
    Object.fromEntries([...fanOuts].map(([name, one]) => [name, () => sendEvents(one, size)])),
  );
  const samples = (figure: (turn: Turn) => number) =>
    samplesOf(turns, (turn) => ({ value: figure(turn), errors: turn.missing }));
  const { p50, p99, last, gateway, host } = rows(bench.size);
  bench.record(
    p50,
    samples(({ latencies }) => median(latencies)),
  );
  bench.record(
    p99,
    samples(({ latencies }) => percentile(latencies, 0.99)),
  );
  bench.record(
    last,
    samples(({ spans }) => median(spans)),
  );
  const memory = (pidOf: (up: number) => number): Record<string, Sample[]> =>
    Object.fromEntries(
      [...fanOuts].map(([name, { system }]) => [name, [{ value: residentMemory(pidOf(system.pid)) / MIB }]]),
    );
  bench.record(
    gateway,
    memory((up) => up),
  );
  bench.record(host, memory(hostOf));
}

/** One round of events. */
interface Turn {
  /** From the write of an event to its arrival, in whole milliseconds. */
  latencies: number[];
  /** From the request that makes an event to the last arrival of the event, in milliseconds. */
  spans: number[];
  /** Number of events that did not arrive. */
  missing: number;
}

interface FanOut extends Disposable {
  system: System;
  agent: Agent;
  url: string;
  streams: EventStreams;
}

async function openFanOut(system: System, count: number): Promise<FanOut> {
  const url = `${system.http}/events`;
  const agent = new Agent({ keepAlive: true });
  await post(agent, url, "warm-up");
  const streams = await openEventStreams(url, count);
  return {
    ...{ system, agent, url, streams },
    [Symbol.dispose]() {
      streams[Symbol.dispose]();
      agent.destroy();
    },
  };
}

async function sendEvents({ agent, url, streams }: FanOut, size: { events: number }): Promise<Turn> {
  const turn: Turn = { latencies: [], spans: [], missing: 0 };
  for (let event = 0; event < size.events; event++) {
    const sentAt = performance.now();
    const arriving = streams.nextEvent();
    await post(agent, url, String(event));
    const { writtenAt, arrivals, missing } = await arriving;
    turn.spans.push(performance.now() - sentAt);
    turn.latencies.push(...arrivals.map((arrivedAt) => arrivedAt - writtenAt));
    turn.missing += missing;
  }
  return turn;
}

/** How long the request that makes an event may take. */
const LIMIT_MS = 20_000;

function post(agent: Agent, url: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const outgoing = request(url, { method: "POST", agent, signal }, (response) => {
      response.resume();
      response.on("end", () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${url}: status ${response.statusCode}`)),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
