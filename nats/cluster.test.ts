/** A server of three dies, stops or is cut off: watches and consumers go on. */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stores } from "../contracts/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import type { NatsCluster } from "../test/harness/nats-cluster.ts";
import type { Nats } from "./connection.ts";
import { DueMessages } from "./journals/due-messages.ts";
import { ensureJournals } from "./journals/ensure-journals.ts";
import { Journals } from "./journals/journal.ts";
import { openByteKv } from "./kv/byte-kv.ts";
import { type ClusterSuite, LONG_MS, startClusterSuite, WAIT } from "./testing/cluster-suite.ts";

/** Shorter than the time for which a deaf watch was deaf, and longer than an election. */
const SOON_MS = 20_000;

let suite: ClusterSuite;
let cluster: NatsCluster;
let nats: Nats;
beforeAll(async () => {
  suite = await startClusterSuite();
  ({ cluster, nats } = suite);
});
afterAll(() => suite[Symbol.asyncDispose]());

test.each(["kill", "stop", "cut"] as const)(
  "a watch goes on when the server of its consumer is gone: %s",
  { timeout: LONG_MS },
  async (how) => {
    const { kv, seen, end } = await suite.follow(`watched-${how}`);
    await kv.put("key", "before");
    await eventually(() => expect(seen).toEqual(["before"]));
    const own = suite.own();
    const { consumers } = await suite.placesOf(`KV_watched-${how}`);
    const [victim = ""] = consumers;
    if (how === "kill") await cluster.kill(victim);
    else cluster[how](victim);
    await eventually(() => kv.put("key", "after"), WAIT);
    await eventually(() => expect(seen.at(-1)).toBe("after"), { timeoutMs: SOON_MS });
    // The connection is elsewhere in the end, also where its server lives in the minority.
    if (victim === own) await eventually(() => expect(suite.own()).not.toBe(victim), WAIT);
    if (how === "kill") cluster.start(victim);
    else cluster[how === "stop" ? "resume" : "heal"](victim);
    await suite.untilWhole();
    await kv.put("key", "whole");
    await eventually(() => expect(seen.at(-1)).toBe("whole"), WAIT);
    expect(seen.indexOf("after")).toBe(seen.lastIndexOf("after"));
    end();
  },
);

test("a function's watch and a workflow's messages go on when their server is gone", {
  timeout: LONG_MS,
}, async () => {
  const kv = openByteKv(nats, "of-a-function");
  const ending = new AbortController();
  const keys: string[] = [];
  const following = (async () => {
    for await (const { key } of kv.watch({ prefix: "", withPresent: false, signal: ending.signal }))
      keys.push(key);
  })();
  await eventually(async () => {
    await kv.put("first", new Uint8Array());
    expect(keys).toContain("first");
  }, WAIT);
  await ensureJournals(nats);
  const taken: string[] = [];
  const due = new DueMessages({
    nats,
    most: 8,
    take(message) {
      taken.push(message.id);
      message.ack();
    },
  });
  const journals = new Journals(nats);
  await journals.send({ workflow: "w", id: "one" }, { t: "timer" });
  await eventually(() => expect(taken).toEqual(["one"]));
  const manager = await jetstreamManager(nats.connection, { checkAPI: false });
  const { stream, consumer } = stores.workflows;
  const victim = (await manager.consumers.info(stream, consumer)).cluster?.leader ?? "";
  await cluster.kill(victim);
  await eventually(() => journals.send({ workflow: "w", id: "two" }, { t: "timer" }), WAIT);
  await eventually(() => expect(taken).toContain("two"), { timeoutMs: SOON_MS });
  await eventually(() => kv.put("second", new Uint8Array()), WAIT);
  await eventually(() => expect(keys).toContain("second"), { timeoutMs: SOON_MS });
  due.close();
  ending.abort();
  await following;
  cluster.start(victim);
  await suite.untilWhole();
});
