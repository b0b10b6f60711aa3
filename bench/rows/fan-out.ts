/** Server-sent events: many streams of one instance, and events to all of them. */
import { Agent, get, type IncomingMessage, request } from "node:http";
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
    fanOuts.set(name, stack.use(await openStreams(system, size.streams)));
  }
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
  url: string;
  arrivals: Arrivals;
}

async function openStreams(system: System, streams: number): Promise<FanOut> {
  const url = `${system.http}/events`;
  await post(url, "warm-up");
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const responses: IncomingMessage[] = [];
  const arrivals: Arrivals = { latencies: [], wanted: 0, reached: () => undefined };
  while (responses.length < streams) {
    // Opened in batches: the machine's queue of connections is not measured.
    const batch = Array.from({ length: Math.min(50, streams - responses.length) }, () => open(url, agent));
    responses.push(...(await Promise.all(batch)));
  }
  for (const response of responses) listen(response, arrivals);
  return {
    system,
    url,
    arrivals,
    [Symbol.dispose]() {
      for (const response of responses) response.destroy();
      agent.destroy();
    },
  };
}

async function sendEvents(
  { url, arrivals }: FanOut,
  { streams, events }: { streams: number; events: number },
): Promise<Turn> {
  arrivals.latencies = [];
  const spans: number[] = [];
  for (let event = 0; event < events; event++) {
    const sentAt = performance.now();
    const all = waitFor(arrivals, streams * (event + 1));
    await post(url, String(event));
    await all;
    spans.push(performance.now() - sentAt);
  }
  const { latencies } = arrivals;
  return { latencies, spans, missing: streams * events - latencies.length };
}

interface Arrivals {
  latencies: number[];
  wanted: number;
  reached: () => void;
}

/** Upper bound of the time of an event on its way to the last stream. */
const LIMIT_MS = 20_000;

function waitFor(arrivals: Arrivals, count: number): Promise<void> {
  return new Promise((resolve) => {
    // A later event is missing in the report.
    const timer = setTimeout(resolve, LIMIT_MS);
    arrivals.wanted = count;
    arrivals.reached = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

function listen(response: IncomingMessage, arrivals: Arrivals): void {
  let text = "";
  response.on("data", (chunk: Buffer) => {
    const nowMs = Date.now();
    const parts = (text + chunk.toString()).split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) {
      arrivals.latencies.push(nowMs - Number(/^data: (\d+)$/m.exec(part)?.[1]));
      if (arrivals.latencies.length === arrivals.wanted) arrivals.reached();
    }
  });
  // The end of the benchmark destroys the responses.
  response.on("error", () => undefined);
}

function open(url: string, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent, signal: AbortSignal.timeout(120_000) }, (response) => {
      if (response.statusCode === 200) resolve(response);
      else reject(new Error(`${url}: status ${response.statusCode}`));
    }).on("error", reject);
  });
}

function post(url: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: "POST", signal: AbortSignal.timeout(LIMIT_MS) }, (response) => {
      response.resume();
      response.on("end", () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${url}: status ${response.statusCode}`)),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
