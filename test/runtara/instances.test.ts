import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  b64,
  createClient,
  createPrograms,
  manage,
  startTestDoor,
  statusOf,
  type TestDoor,
  text,
} from "./door.ts";

let door: TestDoor;
beforeAll(async () => {
  door = await startTestDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

const { program, registered, manager } = createPrograms(() => door.url);

describe("registration", () => {
  it("answers health without a token or an id", async () => {
    const answer = await fetch(`${door.url}/health`);
    expect(answer.status).toBe(200);
  });

  it("makes an unknown instance, and takes it again while it is not final", async () => {
    const client = await registered();
    expect(await statusOf(client)).toMatchObject({ found: true, status: "running" });
    expect((await client.post("register", { tenant_id: "acme" })).body).toMatchObject({ success: true });
  });

  it.each(["completed", "failed"])("never revives an instance that has %s", async (end) => {
    const client = await registered();
    await client.post(end, end === "failed" ? { error: "no" } : { output: b64("{}") });
    const again = await client.post("register", { tenant_id: "acme" });
    expect(again).toMatchObject({ status: 409, body: { success: false, code: "RUNTARA_INSTANCE_FINISHED" } });
    expect(await statusOf(client)).toMatchObject({ status: end });
  });

  it("refuses an empty tenant, a missing one and an id of another tenant", async () => {
    const client = await registered();
    const other = program({ instance: client.instance, tenant: "evil" });
    expect(await other.post("register", { tenant_id: "evil" })).toMatchObject({
      status: 403,
      body: { code: "RUNTARA_OTHER_TENANT" },
    });
    expect((await program().post("register", {})).status).toBe(400);
    expect((await createClient(door.url, { instance: "x" }).post("register", { tenant_id: "" })).status).toBe(
      400,
    );
  });

  it("lets no other tenant read or write an instance", async () => {
    const client = await registered();
    await client.post("checkpoint", { checkpoint_id: "c", state: b64("secret") });
    const other = program({ instance: client.instance, tenant: "evil" });
    for (const [path, body] of [
      ["checkpoint", { checkpoint_id: "c", state: "" }],
      ["sleep", { checkpoint_id: "s", duration_ms: 1, state: "" }],
      ["completed", { output: "" }],
      ["failed", { error: "x" }],
      ["suspended", {}],
      ["signals/ack", { signal_type: "cancel" }],
      ["events", { event_type: "custom", payload: "", subtype: "x" }],
      ["events", { event_type: "heartbeat" }],
      ["retry", { attempt: 1, checkpoint_id: "c" }],
    ] as const)
      expect((await other.post(path, body)).status, path).toBe(403);
    for (const path of ["signals", "signals/c", "input"])
      expect((await other.get(path)).status, path).toBe(403);
    expect((await other.get("status")).body).toMatchObject({ found: false });
    expect(await statusOf(client)).toMatchObject({ status: "running" });
  });
});

describe("checkpoints", () => {
  it("stores a fresh state, gives it back, and keeps the first one", async () => {
    const client = await registered();
    const call = (state: string) =>
      client.post("checkpoint", { checkpoint_id: "a/b:é c", state: b64(state) });
    expect((await call("one")).body).toMatchObject({ found: false });
    expect((await call("two")).body).toMatchObject({ found: true, state: b64("one") });
    client.hangUp();
    expect((await call("")).body).toMatchObject({ found: true, state: b64("one") });
    expect(await statusOf(client)).toMatchObject({ checkpoint_id: "a/b:é c" });
  });

  it("never stores an empty state", async () => {
    const client = await registered();
    const call = (state: string) => client.post("checkpoint", { checkpoint_id: "c", state });
    expect((await call("")).body).toMatchObject({ found: false });
    expect((await call("")).body).toMatchObject({ found: false });
    expect((await call(b64("now"))).body).toMatchObject({ found: false });
  });

  it.each([0, 1, 65_536, 65_537, 3_000_001])("keeps %d bytes, and any value of them", async (length) => {
    const client = await registered();
    const state = Uint8Array.from({ length }, (_, at) => (at * 7) % 256);
    await client.post("checkpoint", { checkpoint_id: "c", state: b64(state) });
    const { body } = await client.post("checkpoint", { checkpoint_id: "c", state: "" });
    expect(body.found).toBe(length > 0);
    if (length > 0) expect(Buffer.from(body.state, "base64").equals(state)).toBe(true);
  });

  it("takes a state of 64 MiB, and refuses a larger one", async () => {
    const client = await registered();
    const state = Buffer.alloc(64 * 1024 * 1024, "narun").toString("base64");
    expect((await client.post("checkpoint", { checkpoint_id: "c", state })).body).toMatchObject({
      found: false,
    });
    const { body } = await client.post("checkpoint", { checkpoint_id: "c", state: "" });
    expect(body.state === state).toBe(true);
    const more = Buffer.alloc(64 * 1024 * 1024 + 1).toString("base64");
    const refused = await client.post("checkpoint", { checkpoint_id: "d", state: more });
    expect(refused).toMatchObject({ status: 413, body: { code: "RUNTARA_TOO_LARGE" } });
    expect((await client.post("checkpoint", { checkpoint_id: "d", state: "" })).body).toEqual({
      found: false,
      signal: null,
      custom_signal: null,
    });
  }, 60_000);

  it("gives two writers at the same time the same state", async () => {
    const client = await registered();
    const writers = Array.from({ length: 12 }, (_, at) => ({
      client: program(client),
      state: b64(`state ${at}`),
    }));
    const answers = await Promise.all(
      writers.map(({ client: one, state }) => one.post("checkpoint", { checkpoint_id: "once", state })),
    );
    const stored = answers.filter(({ body }) => body.found === false);
    expect(stored).toHaveLength(1);
    const { body } = await client.post("checkpoint", { checkpoint_id: "once", state: "" });
    for (const [at, answer] of answers.entries())
      expect(answer.body.found ? answer.body.state : writers[at]?.state).toBe(body.state);
  });

  it("does the same with states that are stored as objects", async () => {
    const client = await registered();
    const states = Array.from({ length: 4 }, (_, at) => b64(Buffer.alloc(200_000, at + 1)));
    const answers = await Promise.all(
      states.map((state) => program(client).post("checkpoint", { checkpoint_id: "once", state })),
    );
    expect(answers.filter(({ body }) => body.found === false)).toHaveLength(1);
    const { body } = await client.post("checkpoint", { checkpoint_id: "once", state: "" });
    for (const [at, answer] of answers.entries())
      expect((answer.body.found ? answer.body.state : states[at]) === body.state).toBe(true);
  });

  it("needs a running instance", async () => {
    const call = { checkpoint_id: "c", state: b64("x") };
    expect(await program().post("checkpoint", call)).toMatchObject({ status: 404 });
    const client = await registered();
    await client.post("suspended");
    expect(await client.post("checkpoint", call)).toMatchObject({
      status: 409,
      body: { code: "RUNTARA_NOT_RUNNING" },
    });
  });

  it("keeps the ids of instances apart", async () => {
    const [one, other] = [await registered(), await registered()];
    await one.post("checkpoint", { checkpoint_id: "c", state: b64("one") });
    expect((await other.post("checkpoint", { checkpoint_id: "c", state: "" })).body.found).toBe(false);
  });

  it("refuses what is no base64, no JSON, and what has no id", async () => {
    const client = await registered();
    for (const state of ["a", "abc", "ab=c", "a-_b", "ä"])
      expect((await client.post("checkpoint", { checkpoint_id: "c", state })).status, state).toBe(400);
    expect((await client.post("checkpoint", { checkpoint_id: "", state: "" })).status).toBe(400);
    expect((await client.post("checkpoint", { state: "" })).status).toBe(400);
    const answer = await fetch(`${door.url}/api/v1/instances/${client.instance}/checkpoint`, {
      method: "POST",
      headers: { "X-Runtara-Tenant-Id": "acme" },
      body: "{",
    });
    expect(answer.status).toBe(400);
  });

  it("takes ids of any length and any characters", async () => {
    const client = await registered();
    for (const id of ["x".repeat(5_000), " ", "*", ">", "a.b", "durable::f::key", "\u0000"])
      expect((await client.post("checkpoint", { checkpoint_id: id, state: b64(id) })).body.found).toBe(false);
    const { body } = await manager().get(manage(client, "checkpoints"));
    expect(body.checkpoints.map((one: { checkpoint_id: string }) => one.checkpoint_id)).toContain(
      "x".repeat(5_000),
    );
    expect((await client.post("checkpoint", { checkpoint_id: "a.b", state: "" })).body.state).toBe(
      b64("a.b"),
    );
  });
});

describe("events, retries, input", () => {
  it("keeps custom events with any payload, and counts retries", async () => {
    const client = await registered();
    expect((await client.post("events", { event_type: "heartbeat" })).status).toBe(200);
    for (const n of [1, 2, 3])
      await client.post("events", {
        event_type: "custom",
        subtype: n === 2 ? "odd/é" : "even",
        payload: b64(`{"n":${n}}`),
      });
    await client.post("retry", { attempt: 2, checkpoint_id: "c", error_message: "flaky" });
    const events = async (query: string) => (await manager().get(manage(client, `events?${query}`))).body;
    const custom = await events("event_type=custom&sort_order=asc");
    expect(custom).toMatchObject({ total_count: 3, limit: 100, offset: 0 });
    expect(custom.events.map((one: { payload: string }) => text(one.payload))).toEqual([
      '{"n":1}',
      '{"n":2}',
      '{"n":3}',
    ]);
    expect((await events(`subtype=${encodeURIComponent("odd/é")}`)).total_count).toBe(1);
    expect((await events("payload_contains=%22n%22%3A3")).total_count).toBe(1);
    expect((await events("event_type=custom&limit=1&offset=1")).events).toHaveLength(1);
    const { body } = await manager().get(`/api/v1/instances/${client.instance}`);
    expect(body).toMatchObject({ retry_count: 1, heartbeat_at_ms: expect.any(Number), status: "running" });
  });

  it("has no input for an instance that was not started", async () => {
    expect((await (await registered()).get("input")).body).toEqual({ input: null });
  });

  it("keeps errors as plain text", async () => {
    const client = await registered();
    await client.post("failed", { error: 'broken: "é"\nsecond' });
    expect(await statusOf(client)).toMatchObject({ status: "failed", error: 'broken: "é"\nsecond' });
  });

  it("has no other calls", async () => {
    const client = await registered();
    expect(await client.get("nonsense")).toMatchObject({
      status: 404,
      body: { code: "RUNTARA_NO_SUCH_CALL" },
    });
    expect((await client.call("PUT", "checkpoint")).status).toBe(404);
  });
});
