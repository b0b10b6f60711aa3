/** Large bodies: a function that streams them in 64 KiB chunks, beside a plain server and workerd with the same work. */
import { Agent, request } from "node:http";
import type { Bench } from "../frame/bench.ts";
import { OURS, type Size } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { writeFunctions } from "../functions.ts";
import { startPlainServer } from "../peers/servers.ts";
import { startWorkerd, WORKERD_ABSENT } from "../peers/workerd.ts";
import { hostOf, MIB, watchMemory } from "../processes.ts";
import { startSystem } from "../system.ts";

const CHUNK_BYTES = 64 * 1024;

const HANDLER = `
async function handle(request) {
  if (request.method === "POST") {
    let bytes = 0;
    for await (const chunk of request.body) bytes += chunk.byteLength;
    return new Response(String(bytes));
  }
  let left = Number(new URL(request.url).searchParams.get("bytes"));
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const size = Math.min(${CHUNK_BYTES}, left);
      left -= size;
      if (size > 0) controller.enqueue(new Uint8Array(size));
      if (left === 0) controller.close();
    },
  });
  return new Response(body, { headers: { "Content-Type": "application/octet-stream" } });
}
`;

const FUNCTION = {
  name: "transfer",
  code: `// @ts-nocheck\n${HANDLER}\nexport default handle;\n`,
  config: `limits: { maxBodyBytes: ${8 * 1024 * MIB}, cpuMs: 10000, timeoutMs: 300000 }\n`,
};

/** Downloads from a server and discards the bytes. Resolves with MiB a second. */
async function download(http: string, bytes: number): Promise<number> {
  const startedAt = performance.now();
  const received = await exchange(`${http}/transfer?bytes=${bytes}`, "GET", 0);
  if (received !== bytes) throw new Error(`${http}: ${received} bytes of ${bytes} arrived`);
  return speed(bytes, startedAt);
}

/** Uploads the bytes. The server reports how many arrived. */
async function upload(http: string, bytes: number): Promise<number> {
  const startedAt = performance.now();
  await exchange(`${http}/transfer`, "POST", bytes);
  return speed(bytes, startedAt);
}

const speed = (bytes: number, startedAt: number) => bytes / MIB / ((performance.now() - startedAt) / 1_000);

/** How long one transfer may take. */
const LIMIT_MS = 180_000;

function exchange(url: string, method: string, send: number): Promise<number> {
  const agent = new Agent();
  return new Promise<number>((resolve, reject) => {
    const headers = send > 0 ? { "Content-Length": send, "Content-Type": "application/octet-stream" } : {};
    const signal = AbortSignal.timeout(LIMIT_MS);
    const outgoing = request(url, { method, agent, headers, signal }, (response) => {
      let received = 0;
      let text = "";
      response.on("data", (chunk: Buffer) => {
        received += chunk.byteLength;
        if (send > 0) text += chunk.toString();
      });
      response.on("error", reject);
      response.on("end", () => {
        const isWhole = response.statusCode === 200 && (send === 0 || text === String(send));
        if (isWhole) resolve(received);
        else reject(new Error(`${url}: status ${response.statusCode} ${text.slice(0, 200)}`));
      });
    });
    outgoing.on("error", reject);
    sendBody(outgoing, send);
  }).finally(() => agent.destroy());
}

function sendBody(outgoing: ReturnType<typeof request>, bytes: number): void {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let left = bytes;
  const fill = () => {
    while (left > 0) {
      const size = Math.min(CHUNK_BYTES, left);
      left -= size;
      if (!outgoing.write(size === CHUNK_BYTES ? chunk : chunk.subarray(0, size))) {
        outgoing.once("drain", fill);
        return;
      }
    }
    outgoing.end();
  };
  fill();
}

const mibOf = (size: Size) => size(512, 48);

const rows = (size: Size) => {
  const ofDirection = (direction: string, ofPlain: number) => {
    const name = `${direction} of ${mibOf(size)} MiB`;
    const memory = (process: string) => ({
      name: `${name}: ${process}, most resident`,
      unit: "MiB",
      targets: [{ atMost: 120 }],
    });
    const targets = [
      { atLeast: ofPlain, of: "node:http" },
      { atLeast: 1, of: "workerd", behind: 1.5 },
    ];
    return { speed: { name, unit: "MiB/s", targets }, gateway: memory("gateway"), host: memory("host") };
  };
  return { down: ofDirection("download", 0.6), up: ofDirection("upload", 0.35) };
};

export const transfer: Section = {
  rows(size) {
    const { down, up } = rows(size);
    return {
      ...{ down: down.speed, downGateway: down.gateway, downHost: down.host },
      ...{ up: up.speed, upGateway: up.gateway, upHost: up.host },
    };
  },
  measure,
  needs: ["Linux"],
};

async function measure(bench: Bench): Promise<void> {
  const mib = mibOf(bench.size);
  await using stack = new AsyncDisposableStack();
  const functions = stack.use(await writeFunctions([FUNCTION]));
  const servers = new Map<string, { http: string }>();
  const system = stack.use(await startSystem([functions.folder]));
  servers.set(OURS, system);
  const { beside: root } = bench.roots;
  if (root !== undefined) servers.set("beside", stack.use(await startSystem([functions.folder], { root })));
  servers.set("node:http", stack.use(await startPlainServer()));
  const workerd = await startWorkerd(`${HANDLER}\nexport default { fetch: handle };\n`);
  if (workerd === undefined) bench.skipPeer("workerd", WORKERD_ABSENT);
  else servers.set("workerd", stack.use(workerd));
  // A first transfer compiles the code, so that no measured transfer pays for it.
  for (const { http } of servers.values()) await download(http, 16 * MIB);

  const { down, up } = rows(bench.size);
  const processes = { gateway: system.pid, host: hostOf(system.pid) };
  for (const { row, exchangeWith } of [
    { row: down, exchangeWith: download },
    { row: up, exchangeWith: upload },
  ]) {
    bench.heading(`${row.speed.name} in chunks of 64 KiB, one at a time, ${bench.rounds} rounds`);
    const memory = watchMemory(processes);
    const measureAt = (http: string) => async () => ({ value: await exchangeWith(http, mib * MIB) });
    const systems = [...servers].map(([name, { http }]) => [name, measureAt(http)]);
    await bench.takeTurns(row.speed, Object.fromEntries(systems));
    const { gateway, host } = memory.stop();
    bench.record(row.gateway, { [OURS]: [{ value: gateway / MIB }] });
    bench.record(row.host, { [OURS]: [{ value: host / MIB }] });
  }
}
