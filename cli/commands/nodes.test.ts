/** What the commands show of nodes that have died, or are of another kind. */
import { jetstream } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectNats, type Nats, openNodeStates } from "../../nats/index.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { narun } from "../testing/narun.ts";

let server: TestNats;
let nats: Nats;
beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

/** An entry in the store of nodes, as something else than narun writes it. */
async function write(node: string, entry: Record<string, unknown>): Promise<void> {
  await openNodeStates(nats);
  const now = new Date().toISOString();
  const state = {
    node_id: node,
    last_seen: now,
    version: "0.1",
    start_time: now,
    status: "running",
    ...entry,
  };
  await jetstream(nats.connection).publish(`$KV.node-runner-states.${node}`, JSON.stringify(state));
}

const run = (...args: string[]) => narun([...args, "--nats", server.url]);

test("a runner that writes neither its system nor its processor is listed", async () => {
  await write("early", { managed_instances: ["one"] });
  const { stdout } = await run("nodes", "--json");
  expect(JSON.parse(stdout)).toMatchObject([{ node: "early", state: "running", os: null, arch: null }]);
  expect((await run("nodes")).stdout).toMatch(/^early +running +- /m);
});
