/** Server-sent events: many streams of one instance, and events to all of them. */
import { Agent, get, type IncomingMessage, request } from "node:http";
import { heading, inMs, median, percentile, print } from "./figures.ts";
import { writeFunctions } from "./functions.ts";
import { hostOf, residentMemory } from "./processes.ts";
import { startSystem } from "./system.ts";

const MIB = 1024 * 1024;

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

export async function measureFanOut({ isQuick }: { isQuick: boolean }): Promise<void> {
  const streams = isQuick ? 100 : 1_000;
  const events = isQuick ? 5 : 20;
  await using functions = await writeFunctions([FUNCTION]);
  await using system = await startSystem([functions.folder]);
  const url = `${system.http}/events`;
  await post(url, "warm-up");
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const responses: IncomingMessage[] = [];
  const arrivals: Arrivals = { latencies: [], wanted: 0, reached: () => undefined };
  const startedAt = performance.now();
  while (responses.length < streams) {
    // Opened in batches: the machine's queue of connections is not measured.
    const batch = Array.from({ length: Math.min(50, streams - responses.length) }, () => open(url, agent));
    responses.push(...(await Promise.all(batch)));
  }
  const openedMs = performance.now() - startedAt;
  for (const response of responses) listen(response, arrivals);

  heading(`server-sent events, ${streams} open streams of one instance, ${events} events to all`);
  print("opening them", inMs(openedMs));
  const spans: number[] = [];
  for (let event = 0; event < events; event++) {
    const sentAt = performance.now();
    const all = waitFor(arrivals, streams * (event + 1));
    await post(url, String(event));
    await all;
    spans.push(performance.now() - sentAt);
  }
  const { latencies } = arrivals;
  print("arrived", `${latencies.length} of ${streams * events}`);
  print(
    "from write to arrival (to the millisecond)",
    `p50 ${inMs(median(latencies))}, p99 ${inMs(percentile(latencies, 0.99))}, most ${inMs(Math.max(...latencies))}`,
  );
  print("one event to all, its request included", `p50 ${inMs(median(spans))}`);
  print("gateway and runner, resident", `${(residentMemory(system.pid) / MIB).toFixed(0)} MiB`);
  print("host, resident", `${(residentMemory(hostOf(system.pid)) / MIB).toFixed(0)} MiB`);
  for (const response of responses) response.destroy();
  agent.destroy();
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
