/** The commands' view of dead nodes, and of nodes of another kind. */
import { jetstream } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectNats, type Nats, openNodeStates } from "../../nats/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { narun, startNarun } from "../testing/narun.ts";
import { answering, createWorkFolder } from "../testing/work-folder.ts";

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

/** An entry of another program in the store of nodes. */
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

test("a runner that was killed is lost at once, and its functions have no node", async () => {
  await using folder = await createWorkFolder({ "hello/index.ts": answering("hi") });
  const json = async (command: string) => JSON.parse((await run(command, "--json")).stdout);
  await using node = startNarun(
    ["node", "--json", "--name", "n1", "--log-level", "warn", "--cache-dir", folder.path("cache")],
    { env: { NARUN_NATS_URL: server.url } },
  );
  await node.shows(/"node":"n1"/);
  await folder.write("hello/narun.yaml", "scale: { min: 1 }\n");
  expect((await run("push", folder.path("hello"))).code).toBe(0);
  await eventually(async () => {
    expect(await json("ls")).toMatchObject([{ name: "hello", state: "running" }]);
    expect(await json("nodes")).toContainEqual(expect.objectContaining({ state: "running", instances: 1 }));
  });
  node.kill("SIGKILL");
  await node.ended;
  expect(await json("nodes")).toContainEqual(
    expect.objectContaining({ node: "n1", state: "lost", instances: 0 }),
  );
  expect((await run("nodes")).stdout).toMatch(/^n1 +lost /m);
  expect(await json("ls")).toMatchObject([{ name: "hello", state: "no node" }]);
  expect(await json("doctor")).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ check: "functions start", ok: false, found: "hello (no node)" }),
    ]),
  );
});
