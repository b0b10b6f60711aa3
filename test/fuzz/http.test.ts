/**
 * Connections with pipelined, half-written and broken requests, made by a seed. Every whole valid request before what is
 * broken gets its answer, in order; the gateway lives, answers others, and keeps no connection. `npm run fuzz:http` runs
 * more of them.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { call } from "../../gateway/testing/http-client.ts";
import type { PeerHandler } from "../../gateway/testing/peer-node.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../../gateway/testing/world.ts";
import { createHeaders } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { createRandom } from "../soak/random.ts";
import { play } from "./client.ts";
import { createScript } from "./script.ts";

const COUNT = Number(process.env.NARUN_FUZZ_COUNT ?? 500);
const SEED = Number(process.env.NARUN_FUZZ_SEED ?? 1);
/** How many connections there are at a time. */
const CLIENTS = 16;
/** Upper bound of what one connection takes on a busy machine. */
const LIMIT_MS = 100;

let world: GatewayWorld;

beforeAll(async () => {
  const names = ["fn", "slow", "socket"];
  const onlyGet = specOf("only-get", { routes: [{ path: "/only-get", methods: ["GET"] }] });
  world = await startGatewayWorld({
    specs: [...names.map((name) => specOf(name)), onlyGet],
    gateway: { config: { routes: [{ path: "/whole", methods: [], service: "whole" }] } },
  });
  const node = await world.startNode();
  const echo: PeerHandler = ({ headers, data }) => ({
    data: `${headers?.get("X-Original-Query")?.[0]} ${data.length}`,
  });
  // To what narun did not start a body goes in one message.
  world.nats.subscribe("whole", async (message) => message.respond((await echo(message)).data ?? ""));
  const facts = { revision: REVISION, concurrency: 100 };
  await node.start("fn", { ...facts, handler: echo });
  await node.start("slow", {
    ...facts,
    handler: (message) => new Promise((resolve) => setTimeout(() => resolve(echo(message)), 5)),
  });
  await node.start("socket", {
    ...facts,
    handler(message) {
      const token = message.headers?.get("Narun-Stream")?.[0] ?? "";
      message.respond(
        "",
        createHeaders([
          ["Narun-Stream", token],
          ["X-Response-Status-Code", "101"],
        ]),
      );
      return { headers: [["Narun-Frame", "end 0 1000"]] };
    },
  });
});
afterAll(() => world[Symbol.asyncDispose]());

const socketsOfProcess = () =>
  process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;

it(`answers ${COUNT} connections by seed ${SEED}`, { timeout: 30_000 + COUNT * LIMIT_MS }, async () => {
  expect((await call(`${world.url}/fn?before`)).text).toBe("before 0");
  const before = socketsOfProcess();
  let next = 0;
  const client = async () => {
    while (next < COUNT) {
      const id = next++;
      const script = createScript(createRandom(SEED * 1_000_003 + id), id);
      await play(world.url, script).catch((error: Error) => {
        throw new Error(`connection ${id} (${script.names.join(", ")}): ${error.message}`, { cause: error });
      });
      if (id % 100 === 0) expect((await call(`${world.url}/fn?${id}`)).text).toBe(`${id} 0`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  expect((await call(`${world.url}/fn?after`)).text).toBe("after 0");
  await eventually(() => expect(socketsOfProcess()).toBeLessThanOrEqual(before));
  await eventually(() => expect(world.gateway.counts().size).toBe(0));
});
