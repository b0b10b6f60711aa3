/**
 * A response never reaches another request: many clients with ids in every target, body and answer, in random interleavings of
 * methods, sizes, times and streams, with clients that leave and connections that break, on each carrier.
 */
import { describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startSocketLink } from "./harness/socket-link.ts";
import { startWorld, type World } from "./harness/world.ts";
import { createRandom, type Random } from "./soak/random.ts";

const CLIENTS = 32;
const REQUESTS = 40;

/** Answers with the id of the target, the id in the body, and how often this body came. */
const echo = `
  const runs = new Map();
  export default async (request) => {
    const query = new URL(request.url).searchParams;
    if (query.has("most")) return new Response(String(Math.max(0, ...runs.values())));
    const [id, waitMs, size] = ["id", "wait", "size"].map((name) => query.get(name));
    const body = await request.text();
    if (request.method === "POST") runs.set(id, (runs.get(id) ?? 0) + 1);
    if (waitMs !== "0") await new Promise((resolve) => setTimeout(resolve, Number(waitMs)));
    const text = id + " " + body.slice(0, 20).trim() + " " + id.padEnd(Number(size), id + ".");
    const headers = { "x-id": id };
    if (!query.has("stream")) return new Response(text, { headers });
    return new Response(new Blob([text]).stream(), { headers });
  };
`;
const config = { scale: { idleSeconds: 300, concurrency: 200 }, limits: { timeoutMs: 60_000 } };

interface Sent {
  id: string;
  path: string;
  init: RequestInit;
}

function requestOf(random: Random, id: string): Sent {
  const size = random.pick([0, 0, 10, 1_000, 70_000, 200_000]);
  const stream = random.between(0, 3) === 0 ? "&stream" : "";
  const path = `/echo?id=${id}&wait=${random.pick([0, 0, 0, 1, 30])}&size=${size}${stream}`;
  const bodySize = random.pick([20, 20, 500, 70_000, 200_000]);
  const isPost = random.between(0, 1) === 0;
  const signal = random.between(0, 9) === 0 ? { signal: AbortSignal.timeout(random.between(1, 40)) } : {};
  return { id, path, init: isPost ? { method: "POST", body: id.padEnd(bodySize, " "), ...signal } : signal };
}

/** Sends a request and judges its answer. Returns its fault, if it has one. */
async function faultOf(base: string, { id, path, init }: Sent): Promise<string | undefined> {
  try {
    const response = await fetch(base + path, init);
    const text = await response.text();
    if (response.status === 502) return undefined;
    const isOwn =
      response.status === 200 &&
      response.headers.get("x-id") === id &&
      text.startsWith(`${id} ${init.method === "POST" ? id : ""} ${id}`) &&
      text
        .slice(2 * id.length)
        .replaceAll(id, "")
        .replaceAll(/[. ]/g, "").length <= id.length;
    return isOwn ? undefined : `${id} got ${response.status} ${text.slice(0, 100)}`;
  } catch {
    // Its client left, or the connection of its stream broke.
    return undefined;
  }
}

async function play(base: string, seed: number, disturb: () => void): Promise<string[]> {
  const faults: string[] = [];
  let sent = 0;
  const client = async (index: number) => {
    const random = createRandom(seed * 1_000 + index);
    for (let turn = 0; turn < REQUESTS; turn++) {
      const fault = await faultOf(base, requestOf(random, `${seed}-${index}-${turn}`));
      if (fault !== undefined) faults.push(fault);
      sent += 1;
      if (sent % 200 === 0) disturb();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)));
  return faults;
}

async function start(isLinked: boolean): Promise<World> {
  const world = await startWorld({ isLinked });
  await world.push("echo", echo, config);
  expect((await world.call("/echo?id=warm&size=0&wait=0")).status).toBe(200);
  return world;
}

describe("every answer belongs to its request, and no POST runs twice", () => {
  it("over NATS, while connections to NATS break", { timeout: 180_000 }, async () => {
    await using world = await start(true);
    const sides = ["gateway", "narun host of node-0"] as const;
    let turns = 0;
    const disturb = () => world.link.cut(sides[turns++ % 2] ?? sides[0]);
    expect(await play(world.url(""), 1, disturb)).toEqual([]);
    expect((await world.call("/echo?most")).text).toBe("1");
  });

  it("over the socket of the host, while it breaks", { timeout: 180_000 }, async () => {
    await using world = await start(false);
    const ready = await world.announced("echo", "ready");
    await using link = await startSocketLink((ready.state === "ready" && ready.socket?.path) || "");
    const gateway = await world.startGateway({ shortPath: "auto" });
    await eventually(async () => {
      expect((await fetch(`${gateway.httpUrl}/echo?id=warm&size=0&wait=0`)).status).toBe(200);
      expect(link.connections).toBe(1);
    });
    expect(await play(gateway.httpUrl, 2, () => link.cut())).toEqual([]);
    expect((await world.call("/echo?most")).text).toBe("1");
  });
});
