import { setImmediate as tick } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { call, type RawAnswer } from "../gateway/testing/http-client.ts";
import type { InstanceOptions, PeerInstance, PeerNode } from "../gateway/testing/peer-node.ts";
import { REVISION, specOf, startGatewayWorld } from "../gateway/testing/world.ts";

const REQUESTS = 300;

/** A small seeded generator (mulberry32): the same choices for the same seed, in every order of the network. */
function createRandom(seed: number) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { below: (limit: number) => Math.floor(next() * limit) };
}
type Random = ReturnType<typeof createRandom>;

/** Instances that come and go by chance, with the requests that they took. */
function createChurn(random: Random) {
  const present = new Set<PeerInstance>();
  const all: { instance: PeerInstance; concurrency: number }[] = [];
  const leaving: Promise<void>[] = [];

  const start = async (node: PeerNode, facts: Partial<InstanceOptions> = {}) => {
    const concurrency = 1 + random.below(4);
    const instance = await node.start("fn", {
      revision: REVISION,
      concurrency,
      async handler() {
        for (let turns = random.below(40); turns > 0; turns--) await tick();
        return { data: "done" };
      },
      ...facts,
    });
    all.push({ instance, concurrency });
    present.add(instance);
  };

  /** One change to the world: an instance joins, drains, refuses before it drains, or dies. */
  const step = async (node: PeerNode) => {
    const one = [...present][random.below(present.size)];
    const choice = random.below(5);
    if (one === undefined || choice === 0) return start(node);
    present.delete(one);
    if (choice === 1) one.crash();
    if (choice === 2) one.refuse();
    if (choice >= 2) leaving.push(one.drain());
  };
  return { start, step, all, leaving };
}

const RUNS = [1, 2, 3, 4, 5].flatMap((seed) => [
  { seed, carrier: "NATS" },
  { seed, carrier: "a socket" },
]);

describe.each(RUNS)("requests while instances join, drain and die (over $carrier, seed $seed)", (run) => {
  const { seed, carrier } = run;
  it("are each answered once, and run at most once where they may not run twice", async () => {
    const random = createRandom(seed);
    const churn = createChurn(random);
    await using world = await startGatewayWorld({
      specs: [specOf("fn")],
      gateway: { metrics: { host: "127.0.0.1", port: 0 } },
    });
    const node = await world.startNode({
      hasSocket: carrier === "a socket",
      onDemand(_demand, peer) {
        const id = crypto.randomUUID();
        void churn.start(peer, { id });
        return { outcome: "starting", instance: id };
      },
    });

    const requests: { id: string; method: string; answer: Promise<RawAnswer> }[] = [];
    for (let n = 0; n < REQUESTS; n++) {
      const id = `request-${n}`;
      const method = random.below(2) === 0 ? "GET" : "POST";
      const answer = call(`${world.url}/fn`, { method, headers: ["X-Request-Id", id] });
      requests.push({ id, method, answer });
      if (random.below(4) === 0) await churn.step(node);
      for (let turns = random.below(10); turns > 0; turns--) await tick();
    }
    const answers = await Promise.all(requests.map(({ answer }) => answer));
    await Promise.all(churn.leaving);

    const runs = new Map<string, number>();
    for (const { instance, concurrency } of churn.all) {
      expect(instance.mostInFlight).toBeLessThanOrEqual(concurrency);
      for (const { headers } of instance.taken) {
        const id = headers?.get("Narun-Request-Id")?.[0] ?? "";
        runs.set(id, (runs.get(id) ?? 0) + 1);
      }
    }
    for (const [n, { id, method }] of requests.entries()) {
      const answer = answers[n];
      expect(answer?.headers["x-request-id"]).toBe(id);
      const isAnswered = answer?.status === 200;
      // A client sees only the death of an instance in the middle of a request.
      if (!isAnswered) expect(answer?.text).toContain("CONSUMER_DIED");
      const ran = runs.get(id) ?? 0;
      expect(ran, `runs of ${method} ${id}`).toBeGreaterThanOrEqual(isAnswered ? 1 : 0);
      if (method === "POST") expect(ran, `runs of ${method} ${id}`).toBeLessThanOrEqual(1);
    }
    expect(world.gateway.counts().size).toBe(0);
    const { text } = await call(`${world.gateway.metricsUrl}/metrics`);
    const counted = [...text.matchAll(/^http_gateway_requests_total\{.*\} (\d+)$/gm)];
    expect(counted.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(REQUESTS);
  });
});
