/** Clients that send one request after the other until they are stopped, after any answer. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { SLEEPERS } from "./functions.ts";
import { type Call, createHttpClient, type HttpClient } from "./http-client.ts";
import type { Exchange } from "./ledger.ts";
import type { Random } from "./random.ts";

export interface ClientsOptions {
  http: string;
  random: Random;
  /** The versions of the function `versioned` that may answer now. */
  versions: ReadonlySet<number>;
  onExchange(exchange: Exchange): void;
}

export interface Clients {
  /** Resolves after the last answer. */
  stop(): Promise<void>;
}

const ECHO_CLIENTS = 6;
const STORE_CLIENTS = 3;
/** Sizes near the bounds at which a body becomes a stream, and far from them. */
const SIZES = [0, 1, 100, 4_095, 5_000, 65_536, 65_537, 300_000] as const;

export function startClients({ http, random, versions, onExchange }: ClientsOptions): Clients {
  const client = createHttpClient();
  let isStopped = false;
  const until = async (step: () => Promise<void>) => {
    while (!isStopped) await step();
  };
  const send = async (call: Omit<Call, "id">) => {
    const id = randomUUID();
    const { method, url } = call;
    const sentAt = performance.now();
    const outcome = await client.send({ ...call, id });
    const what = `${method} ${url.slice(http.length)}, ${call.body?.length ?? 0} bytes,`;
    onExchange({ what, id, isIdempotent: method !== "POST", sentAt, endedAt: performance.now(), outcome });
    return outcome;
  };
  const running = Promise.all([
    ...Array.from({ length: ECHO_CLIENTS }, () => until(() => echo(`${http}/echo`, random, send))),
    ...SLEEPERS.map((name) =>
      until(async () => {
        await echo(`${http}/${name}`, random, send);
        // About the function's idle time, so that requests arrive while it falls asleep.
        await sleep(random.pick([0, 900, 1_000, 1_050, 1_100, 2_000]));
      }),
    ),
    ...Array.from({ length: STORE_CLIENTS }, (_, number) => {
      const keep = createKeeper(`${http}/store/object-${number}`, random, send);
      return until(keep);
    }),
    until(async () => {
      await readVersion(`${http}/versioned`, versions, send);
      await sleep(20);
    }),
  ]);
  return {
    async stop() {
      isStopped = true;
      await running;
      client[Symbol.dispose]();
    },
  };
}

type Send = (call: Omit<Call, "id">) => ReturnType<HttpClient["send"]>;

async function echo(url: string, random: Random, send: Send): Promise<void> {
  const wait = random.pick(["", "", "", "?wait=20", "?wait=300"]);
  if (random.next() < 0.5) {
    await send({
      url: url + wait,
      method: "GET",
      check: (status, body) => expectBytes(status, body, [Buffer.alloc(0)]),
    });
    return;
  }
  const sent = random.bytes(random.pick(SIZES));
  await send({
    url: url + wait,
    method: "POST",
    body: sent,
    check: (status, body) => expectBytes(status, body, [sent]),
  });
}

/** Writes and reads one object in turns. A read must return the last successful write, or a later failed one. */
function createKeeper(url: string, random: Random, send: Send): () => Promise<void> {
  let possible: Buffer[] = [];
  return async () => {
    if (possible.length === 0 || random.next() < 0.4) {
      const body = random.bytes(random.pick(SIZES));
      const outcome = await send({
        url,
        method: "PUT",
        body,
        check: (status) => (status === 200 ? undefined : `status ${status}`),
      });
      possible = outcome.kind === "right" ? [body] : [...possible, body];
      return;
    }
    const check = (status: number, body: Buffer) => expectBytes(status, body, possible);
    await Promise.all([0, 1, 2].map(() => send({ url, method: "GET", check })));
  };
}

async function readVersion(url: string, versions: ReadonlySet<number>, send: Send): Promise<void> {
  const before = [...versions];
  await send({
    url,
    method: "GET",
    check(status, body) {
      const allowed = [...before, ...versions].map((version) => `version ${version}`);
      if (status === 200 && allowed.includes(body.toString())) return undefined;
      return `status ${status}, ${JSON.stringify(body.toString())} where ${allowed.join(" or ")} is live`;
    },
  });
}

function expectBytes(status: number, body: Buffer, allowed: readonly Buffer[]): string | undefined {
  if (status !== 200) return `status ${status}`;
  if (allowed.some((one) => one.equals(body))) return undefined;
  return `${body.length} bytes that nobody sent; ${allowed.map(({ length }) => length).join(" or ")} were right`;
}
