/**
 * Connections with pipelined, half-written and broken requests, made by a seed. Every complete valid request before the broken
 * part gets its answer, in order. The gateway stays alive, answers others, and keeps no connection. `npm run fuzz:http` plays
 * more connections, against processes.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";
import { FUNCTIONS } from "./functions.ts";
import { playAll } from "./run.ts";

const COUNT = 500;
const SEED = 1;

let world: World;

beforeAll(async () => {
  world = await startWorld({
    gateway: { config: { routes: [{ path: "/whole", methods: [], service: "whole" }] } },
  });
  // A consumer that narun did not start gets a body in one message.
  world.connection.subscribe("whole", (message) =>
    message.respond(`${message.headers?.get("X-Original-Query")?.[0]} ${message.data.length}`),
  );
  for (const [name, { source, config }] of Object.entries(FUNCTIONS)) await world.push(name, source, config);
});
afterAll(() => world[Symbol.asyncDispose]());

const socketsOfProcess = () =>
  process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;

it(`answers ${COUNT} connections by seed ${SEED}`, { timeout: 120_000 }, async () => {
  const answersOthers = async (id: number) => {
    if (id % 100 === 0) expect((await world.call(`/fn?${id}`)).text).toBe(`${id} 0`);
  };
  await answersOthers(0);
  const before = socketsOfProcess();
  const urls = [world.url("")] as const;
  await playAll({ urls, seed: SEED, from: 0, to: COUNT, onPlayed: answersOthers });
  await answersOthers(COUNT);
  await eventually(() => expect(socketsOfProcess()).toBeLessThanOrEqual(before));
  await eventually(() => expect(world.gateway.counts().size).toBe(0));
});
