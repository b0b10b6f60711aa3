/** Commands of narun beside runners and services of the original toolkit, whose part the test plays. */
import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectNats, ensureLogHistory, type Nats } from "../../nats/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { narun, startNarun } from "../testing/narun.ts";
import { answering, createWorkFolder } from "../testing/work-folder.ts";

let server: TestNats;
let nats: Nats;
const closers = new AsyncDisposableStack();

beforeAll(async () => {
  server = closers.use(await startTestNats());
  nats = await connectNats({ url: server.url, name: "test" });
  closers.defer(() => nats.close());
  const kvm = new Kvm(jetstream(nats.connection));
  const configs = await kvm.create("app-configs", { description: "Narun configs" });
  await configs.put(
    "web",
    "name: web\ntag: v7\nnodes:\n  - name: early\n    replicas: 2\n  - name: gone\n    replicas: 1\n",
  );
  await configs.put(
    "idle",
    "name: idle\nbinary_object: idle-v1\nmode: \nnodes: [{ name: gone, replicas: 1 }]\n",
  );
  const states = await kvm.create("node-runner-states", { ttl: 45_000, history: 1 });
  // Go writes nanoseconds, and its own offset.
  const state = {
    node_id: "early",
    last_seen: "2026-01-02T03:04:05.123456789+02:00",
    version: "0.1.0",
    start_time: "2026-01-02T03:04:00.987654321+02:00",
    managed_instances: ["web-0", "web-1", "with-dash-0"],
    status: "running",
  };
  await states.put("early", JSON.stringify(state));
  await states.put(
    "newest",
    JSON.stringify({ ...state, node_id: "newest", managed_instances: null, os: "linux", arch: "arm64" }),
  );
});
afterAll(() => closers.disposeAsync());

const run = (...args: string[]) => narun([...args, "--nats", server.url]);
const json = async (...args: string[]) => JSON.parse((await run(...args, "--json")).stdout);

test("narun ls shows their services with mode, version, nodes and instances", async () => {
  expect(await json("ls")).toEqual([
    {
      name: "idle",
      mode: "exec",
      revision: null,
      url: null,
      instances: 0,
      state: "no node",
      nodes: [{ name: "gone", replicas: 1, instances: 0 }],
    },
    {
      name: "web",
      mode: "exec",
      revision: null,
      url: null,
      instances: 2,
      state: "running",
      tag: "v7",
      nodes: [
        { name: "early", replicas: 2, instances: 2 },
        { name: "gone", replicas: 1, instances: 0 },
      ],
    },
  ]);
  expect((await run("ls")).stdout).toMatch(/^web +exec +v7 +2\/3 +running/m);
});

test("narun ls shows why a service of theirs does not run", async () => {
  await ensureLogHistory(nats);
  const configs = await new Kvm(jetstream(nats.connection)).open("app-configs");
  await configs.put("broken", "name: broken\ntag: v1\nnodes: [{ name: newest, replicas: 1 }]\n");
  const tell = async (facts: object) => {
    const event = { instance_id: "broken-0", node_id: "newest", time: new Date().toISOString(), ...facts };
    nats.publish("status.broken.newest", JSON.stringify(event));
    await nats.flush();
  };
  const row = async () => (await json("ls")).find(({ name }: { name: string }) => name === "broken");
  await tell({ status: "crashed", exit_code: 3 });
  expect(await row()).toMatchObject({
    state: "failing",
    error: "it crashed on node newest with exit code 3",
  });
  await tell({ status: "failed", error: "no such binary" });
  expect(await row()).toMatchObject({ state: "failing", error: "no such binary" });
  await tell({ status: "starting" });
  expect(await row()).toMatchObject({ state: "external" });
  await configs.delete("broken");
});

test("narun ps shows their instances", async () => {
  expect(await json("ps")).toMatchObject([
    { function: "web", instance: "web-0", node: "early", revision: "v7", mode: "exec", state: "ready" },
    { function: "web", instance: "web-1", node: "early" },
    { function: "with-dash", instance: "with-dash-0", revision: "" },
  ]);
});

test("narun nodes shows their runners, also those without a system", async () => {
  expect(await json("nodes")).toMatchObject([
    { node: "early", state: "running", os: null, arch: null, modes: ["exec"], instances: 3 },
    { node: "newest", os: "linux", arch: "arm64", instances: 0 },
  ]);
});

test("their tools find narun's instances by name in the state of a node", async () => {
  await using folder = await createWorkFolder({
    "hello/index.ts": answering("hi"),
    "hello/narun.yaml": "scale: { min: 1 }\n",
  });
  await using node = startNarun(
    ["node", "--name", "ours", "--log-level", "warn", "--cache-dir", folder.path("cache")],
    {
      env: { NARUN_NATS_URL: server.url },
      limitMs: 60_000,
    },
  );
  await node.shows(/ours/);
  expect((await run("push", folder.path("hello"))).code).toBe(0);
  const states = await new Kvm(jetstream(nats.connection)).open("node-runner-states");
  await eventually(async () => {
    const state = (await states.get("ours"))?.json<Record<string, unknown>>();
    expect(state).toMatchObject({
      managed_instances: ["hello-0"],
      instances: [{ function: "hello" }],
      os: expect.any(String),
      arch: expect.any(String),
    });
  });
  expect((await json("ps")).filter((row: { function: string }) => row.function === "hello")).toHaveLength(1);
});
