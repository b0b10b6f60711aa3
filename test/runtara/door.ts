/** Runtara's HTTP door in this process, and clients that speak to it as the SDKs do. */
import { Agent, type IncomingMessage, request } from "node:http";
import { pino } from "pino";
import { connectNats, type Nats } from "../../nats/index.ts";
import { openRuntara, type Runtara, type RuntaraHttp, startRuntaraHttp } from "../../runtara/index.ts";
import { startTestNats, type TestNats } from "../harness/nats.ts";

export interface TestDoor extends AsyncDisposable {
  readonly url: string;
  readonly runtara: Runtara;
  readonly nats: Nats;
  readonly server: TestNats;
  /** Another door to the same state. */
  startAnother(options?: { isOpen?: boolean }): Promise<RuntaraHttp>;
}

export async function startTestDoor({
  isOpen = true,
  sleepThresholdMs,
}: {
  isOpen?: boolean;
  sleepThresholdMs?: number;
} = {}): Promise<TestDoor> {
  const closers = new AsyncDisposableStack();
  const server = closers.use(await startTestNats());
  const nats = await connectNats({ url: server.url, name: "test" });
  closers.defer(() => nats.close());
  const runtara = await openRuntara({
    nats,
    ...(sleepThresholdMs === undefined ? {} : { sleepThresholdMs }),
  });
  const log = pino({ level: process.env.NARUN_TEST_LOG ?? "silent" });
  const start = async (open: boolean) => {
    const address = { host: "127.0.0.1", port: 0 };
    const door = await startRuntaraHttp({ runtara, address, isOpen: open, version: "1.2.3", log });
    closers.defer(() => door.close({ graceMs: 0 }));
    return door;
  };
  const { url } = await start(isOpen);
  return {
    ...{ url, runtara, nats, server },
    startAnother: ({ isOpen: open = isOpen } = {}) => start(open),
    [Symbol.asyncDispose]: () => closers.disposeAsync(),
  };
}

export interface Reply {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the bodies of many calls
  body: any;
}

/** A program's client: one connection that is kept, one call at a time. */
export interface Client {
  get(path: string): Promise<Reply>;
  post(path: string, body?: unknown): Promise<Reply>;
  call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Reply>;
  /** Ends the connection; the next call makes another one. */
  hangUp(): void;
}

export interface ClientOptions {
  instance?: string;
  tenant?: string;
  headers?: Record<string, string>;
}

/** `path` of its calls is below the instance, or absolute where it begins with `/`. */
export function createClient(
  url: string,
  { instance = "", tenant, headers = {} }: ClientOptions = {},
): Client {
  let agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { pathname } = new URL(url);
  const base = pathname === "/" ? "" : pathname;
  const call: Client["call"] = (method, path, body, signal) => {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const target = path.startsWith("/") ? `${base}${path}` : `${base}/api/v1/instances/${instance}/${path}`;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const sent = request(
      new URL(url),
      {
        ...{ method, agent, path: target },
        ...(signal === undefined ? {} : { signal }),
        headers: {
          ...(tenant === undefined ? {} : { "X-Runtara-Tenant-Id": tenant }),
          ...(instance === "" ? {} : { "X-Runtara-Instance-Id": instance }),
          ...(bytes === undefined
            ? {}
            : { "Content-Type": "application/json", "Content-Length": bytes.byteLength }),
          ...headers,
        },
      },
      (response) => void read(response).then(resolve, reject),
    );
    sent.on("error", reject);
    sent.end(bytes);
    return promise;
  };
  return {
    call,
    get: (path) => call("GET", path),
    post: (path, body = {}) => call("POST", path, body),
    hangUp() {
      agent.destroy();
      agent = new Agent({ keepAlive: true, maxSockets: 1 });
    },
  };
}

async function read(response: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) };
}

export const b64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");
export const text = (base64: string) => Buffer.from(base64, "base64").toString();

/** Clients of programs with ids of their own, and of their management. */
export function createPrograms(url: () => string) {
  let count = 0;
  const program = (options: { instance?: string; tenant?: string } = {}) => {
    count += 1;
    const { instance = `i-${count}`, tenant = "acme" } = options;
    return Object.assign(createClient(url(), { instance, tenant }), { instance, tenant });
  };
  return {
    program,
    async registered(options?: { instance?: string; tenant?: string }) {
      const client = program(options);
      const { body } = await client.post("register", { tenant_id: client.tenant });
      if (body.success !== true) throw new Error(`${client.instance} did not register: ${body.error}`);
      return client;
    },
    manager: () => createClient(url()),
  };
}

/** A path of the management of an instance. */
export const manage = (client: { instance: string }, path: string) =>
  `/api/v1/instances/${client.instance}/${path}`;

export const statusOf = async (client: Client) => (await client.get("status")).body;
