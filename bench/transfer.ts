/** Large bodies: a function that streams them in 64 KiB chunks, beside a plain server and workerd with the same work. */
import { Agent, request } from "node:http";
import { heading, median, print } from "./figures.ts";
import { writeFunctions } from "./functions.ts";
import { hostOf, watchMemory } from "./processes.ts";
import { startPlainServer, startSystem } from "./system.ts";
import { startWorkerd } from "./workerd.ts";

const MIB = 1024 * 1024;
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

export async function measureTransfers({ isQuick }: { isQuick: boolean }): Promise<void> {
  const bytes = (isQuick ? 64 : 512) * MIB;
  const rounds = isQuick ? 1 : 3;
  await using functions = await writeFunctions([FUNCTION]);
  await using system = await startSystem([functions.folder]);
  await using plain = await startPlainServer();
  await using workerd = await startWorkerd(`${HANDLER}\nexport default { fetch: handle };\n`);
  // A first transfer compiles the code, so that no measured transfer pays for it.
  const servers = { "node:http": plain, narun: system, ...(workerd === undefined ? {} : { workerd }) };
  for (const { http } of Object.values(servers)) await download(http, 16 * MIB);
  const host = hostOf(system.pid);

  for (const [name, transfer] of Object.entries({ download, upload })) {
    heading(`${name}, ${bytes / MIB} MiB in chunks of 64 KiB, one at a time, ${rounds} rounds in turns`);
    const memory = watchMemory({ "gateway and runner": system.pid, host });
    const speeds = new Map<string, number[]>();
    for (let round = 0; round < rounds; round++)
      for (const [server, { http }] of Object.entries(servers))
        speeds.set(server, [...(speeds.get(server) ?? []), await transfer(http, bytes)]);
    for (const [server, values] of speeds) print(server, `${median(values).toFixed(0)} MiB/s`);
    const ratio = median(speeds.get("narun") ?? []) / median(speeds.get("node:http") ?? []);
    print("narun / node:http", ratio.toFixed(3));
    for (const [process, most] of Object.entries(memory.stop()))
      print(`${process}, most resident`, `${(most / MIB).toFixed(0)} MiB`);
  }
  if (workerd === undefined) print("workerd", "skipped: the npm package `workerd` is not installed");
}
