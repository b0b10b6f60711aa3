/** Calls straight to instances, on a real server; the instances are subscriptions of the test. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { encodeError, encodeReply, subjects } from "../contracts/index.ts";
import { connectNats, type Message, type Nats } from "../nats/index.ts";
import { createStreamPresence, type StreamPresence } from "../streams/index.ts";
import { startTestNats, type TestNats } from "../test/harness/nats.ts";
import { FAILURES } from "./breakers.ts";
import { Direct, type NearInstances } from "./direct.ts";
import type { InstanceFacts } from "./instance.ts";

let server: TestNats;
let nats: Nats;
let presence: StreamPresence;
beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "direct" });
  presence = createStreamPresence(nats);
});
afterAll(async () => {
  presence.close();
  await nats.close();
  await server.close();
});

const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const answer = (message: Message) => message.respond("yes", encodeReply(200, []));

/** A service with these instances, each with its handler, and calls to it. */
async function start(
  service: string,
  instances: Record<string, { node: string; take: (message: Message) => void }>,
  hasRoom: NearInstances["hasRoom"] = () => undefined,
) {
  const took: string[] = [];
  const facts = Object.entries(instances).map(([id, { node, take }]): InstanceFacts => {
    nats.subscribe(subjects.serviceCalls(service, id), (message) => {
      took.push(id);
      take(message);
    });
    return { id, service, node, revision: "r", concurrency: 9 };
  });
  await nats.flush();
  const near = { of: () => facts, hasRoom };
  const direct = new Direct({ nats, presence, node: "here", near, specOf: () => undefined, log });
  const call = (timeoutMs = 20_000): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<string>();
    direct.dispatch({
      head: { headers: () => new Map(), text: () => "", hops: 0, isUpgrade: false },
      ...{ service, data: new Uint8Array(), streams: false, isRepeatable: false },
      endsAtMs: performance.now() + timeoutMs,
      onUnplaced: () => resolve("unplaced"),
      settle: (outcome) => resolve(outcome.kind === "failed" ? outcome.code : outcome.kind),
    });
    return promise;
  };
  return { call, took, [Symbol.dispose]: () => direct.close() };
}

it("leaves out an instance that gives no answers, and gives the call back", async () => {
  using silent = await start("silent", { one: { node: "there", take: quiet } });
  for (let n = 0; n < FAILURES; n++) expect(await silent.call(50)).toBe("DEADLINE_EXCEEDED");
  expect(await silent.call()).toBe("unplaced");
  expect(silent.took).toHaveLength(FAILURES);
});

it("gives a call back that no instance has room for", async () => {
  const full = (message: Message) => message.respond("", encodeError("INSTANCE_FULL", undefined));
  using busy = await start("busy", { one: { node: "there", take: full } });
  expect(await busy.call()).toBe("unplaced");
  expect(busy.took.length).toBeGreaterThan(0);
});

it("takes the nearest instance that has room", async () => {
  const instances = {
    far: { node: "there", take: answer },
    neighbour: { node: "here", take: answer },
    own: { node: "here", take: answer },
  };
  let isFull = false;
  using calls = await start("near", instances, (id) => (id === "own" ? !isFull : undefined));
  for (let n = 0; n < 5; n++) expect(await calls.call()).toBe("reply");
  expect(new Set(calls.took.splice(0))).toEqual(new Set(["own"]));
  isFull = true;
  for (let n = 0; n < 5; n++) expect(await calls.call()).toBe("reply");
  expect(new Set(calls.took)).toEqual(new Set(["neighbour"]));
});
