/** Programs of any language (`mode: exec`): pushed, started on demand, called, put to sleep. */
import { afterAll, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const exec = (changes: object = {}) => ({ mode: "exec", command: "server.mjs", ...changes });
const push = (name: string, text: string, changes: object = {}) =>
  world.push(name, { "server.mjs": text }, exec(changes));

it("is started by the first request, answers, sleeps when it is idle, and is started again", async () => {
  const pushed = await push("sleeper", programSource(), {
    scale: { idleSeconds: 0.5 },
    env: [{ name: "A", value: "b" }],
  });
  expect(pushed).toMatchObject({ tried: true, unchanged: false });
  expect(world.announcements("sleeper")).toEqual([]);
  const first = await world.call("/sleeper/a?b=c", { method: "POST", body: "hi" });
  expect(first).toMatchObject({ status: 200 });
  const seen = JSON.parse(first.text);
  expect(seen).toMatchObject({ method: "POST", path: "/sleeper/a", body: "hi" });
  expect(seen.env).toMatchObject({
    A: "b",
    NARUN_APP_NAME: "sleeper",
    NARUN_REPLICA_INDEX: "0",
    NARUN_NODE_ID: "node-0",
  });
  expect(seen.env).not.toHaveProperty("NARUN_TEST_LOG");
  expect(Object.keys(seen.env).filter((key) => /^(VITEST|npm_|NARUN_SECRETS)/.test(key))).toEqual([]);
  const pid = await world.hostPid("sleeper");
  expect(world.statuses("sleeper").map(({ status }) => status)).toEqual(["starting", "running"]);
  await world.announced("sleeper", "gone");
  await eventually(() => expect(() => process.kill(pid, 0)).toThrow());
  expect(await world.call("/sleeper")).toMatchObject({ status: 200 });
  expect(world.announcements("sleeper").map(({ state }) => state)).toEqual([
    ...["starting", "ready", "draining", "gone"],
    ...["starting", "ready"],
  ]);
});

it("is one NATS Micro service: its own facts and endpoints, with narun's metadata beside", async () => {
  await push("shown", programSource());
  expect(await world.call("/shown")).toMatchObject({ status: 200 });
  const row = await world.listed("shown");
  expect(row).toMatchObject({ function: "shown", mode: "exec", node: "node-0", state: "ready", requests: 1 });
  const reply = await world.connection.request("$SRV.INFO.shown", "", { timeoutMs: 2_000 });
  expect(JSON.parse(reply.text())).toMatchObject({
    name: "shown",
    version: "1.2.3",
    metadata: { own: "fact", "narun.instance": row.instance },
    endpoints: [{ name: "handler", subject: "shown", queue_group: "q" }],
  });
  const plain = await world.connection.request("shown", "plain", { timeoutMs: 2_000 });
  expect(JSON.parse(plain.text())).toMatchObject({ body: "plain" });
});

it("hears and says nothing outside of its own subjects", async () => {
  const after = `
    const heard = [];
    nats.subscribe("secrets.>", { callback: (error, message) => heard.push(error?.message ?? message.subject) });
    nats.subscribe("_INBOX.>", { callback: (error, message) => heard.push(error?.message ?? message.subject) });
    nats.subscribe("told.*", { callback: (error, message) => nats.publish("said.back", message.data) });
    nats.publish("narun.x.node.n", "forged");
    nats.publish("said.anything", "allowed");
    await nats.flush();
    globalThis.heard = heard;`;
  const said: string[] = [];
  world.connection.subscribe("said.>", (message) => said.push(message.subject));
  await world.connection.flush();
  await push("curious", programSource({ after, act: "answer(JSON.stringify(globalThis.heard))" }), {
    bindings: [{ name: "SAID", publish: ["said.>"] }],
    subscribe: ["told.>"],
  });
  const { text } = await world.call("/curious");
  expect(JSON.parse(text)).toEqual([
    expect.stringMatching(/permissions violation.*secrets/i),
    expect.stringMatching(/permissions violation.*_INBOX/i),
  ]);
  world.connection.publish("told.me", "hello");
  await eventually(() => expect(said).toContain("said.back"));
  expect(said).toContain("said.anything");
  await eventually(async () => {
    const lines = (await world.logs("curious")).map(({ message }) => message);
    expect(lines).toContainEqual(expect.stringMatching(/may not publish to narun\.x\.node\.n/));
  });
});
