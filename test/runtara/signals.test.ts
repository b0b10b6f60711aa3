import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  b64,
  type Client,
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

describe("signals to an instance", () => {
  it("shows the newest until it is acknowledged, on checkpoints and polls", async () => {
    const client = await registered();
    const send = (body: unknown) => manager().post(manage(client, "signals"), body);
    expect((await client.get("signals")).body).toMatchObject({ signal: null, custom_signal: null });
    await send({ signal_type: "pause", payload: "first" });
    await send({ signal_type: "cancel", payload: "second" });
    const expected = { signal: { signal_type: "cancel", payload: b64("second") } };
    expect((await client.get("signals")).body).toMatchObject(expected);
    expect((await client.get("signals")).body).toMatchObject(expected);
    const { body } = await client.post("checkpoint", { checkpoint_id: "c", state: b64("x") });
    expect(body).toMatchObject(expected);
    await client.post("signals/ack", { signal_type: "cancel" });
    expect(await statusOf(client)).toMatchObject({ status: "cancelled" });
    expect((await client.get("signals")).body.signal).toBeNull();
  });

  it("keeps a newer signal when an older one is acknowledged", async () => {
    const client = await registered();
    const send = (signal_type: string) => manager().post(manage(client, "signals"), { signal_type });
    await send("pause");
    await client.get("signals");
    await send("cancel");
    await client.post("signals/ack", { signal_type: "pause" });
    expect((await client.get("signals")).body.signal).toMatchObject({ signal_type: "cancel" });
    expect(await statusOf(client)).toMatchObject({ status: "running" });
  });

  it("keeps a signal that was not shown, though one of its kind is acknowledged", async () => {
    const client = await registered();
    await manager().post(manage(client, "signals"), { signal_type: "cancel" });
    await client.post("signals/ack", { signal_type: "cancel" });
    expect((await client.get("signals")).body.signal).toMatchObject({ signal_type: "cancel" });
  });

  it("suspends a program that acknowledges a pause; a cancel that came meanwhile takes effect", async () => {
    const client = await registered();
    await manager().post(manage(client, "signals"), { signal_type: "pause" });
    await client.get("signals");
    await client.post("signals/ack", { signal_type: "pause" });
    expect(await statusOf(client)).toMatchObject({ status: "suspended" });
    const other = await registered();
    await manager().post(manage(other, "signals"), { signal_type: "cancel" });
    await other.post("suspended");
    expect(await statusOf(other)).toMatchObject({ status: "cancelled" });
  });

  it("refuses a signal to what has finished, and leaves final states as they are", async () => {
    const client = await registered();
    await client.post("completed", { output: b64('{"n":1}') });
    for (const [path, body] of [
      ["signals", { signal_type: "cancel" }],
      ["signals/custom", { checkpoint_id: "c", payload: "x" }],
      ["stop", { reason: "x", grace_period_seconds: 0 }],
    ] as const)
      expect((await manager().post(manage(client, path), body)).status).toBe(409);
    for (const [path, body] of [
      ["failed", { error: "late" }],
      ["completed", { output: b64("late") }],
      ["suspended", {}],
      ["signals/ack", { signal_type: "cancel" }],
    ] as const)
      expect((await client.post(path, body)).body.success).toBe(true);
    expect(await statusOf(client)).toMatchObject({
      status: "completed",
      output: b64('{"n":1}'),
      error: null,
    });
  });

  it("tells that an unknown instance was not found", async () => {
    for (const path of ["signals", "stop", "resume"])
      expect(
        await manager().post(`/api/v1/instances/nobody/${path}`, { signal_type: "cancel" }),
      ).toMatchObject({
        status: 404,
        body: { error: expect.stringContaining("not found") },
      });
  });
});

describe("custom signals", () => {
  const send = (client: { instance: string }, checkpoint_id: string, payload: string) =>
    manager().post(manage(client, "signals/custom"), { checkpoint_id, payload });

  it("come once each, the newest for each checkpoint, also before anybody waits", async () => {
    const client = await registered();
    await send(client, "a", "old");
    await send(client, "a", "new");
    await send(client, "b/ü", "other");
    expect((await client.get("signals/a")).body.custom_signal).toEqual({
      checkpoint_id: "a",
      payload: b64("new"),
    });
    expect((await client.get("signals/a")).body.custom_signal).toBeNull();
    const other = await client.get(`signals/${encodeURIComponent("b/ü")}`);
    expect(text(other.body.custom_signal.payload)).toBe("other");
  });

  it("come again where the reply was lost", async () => {
    const client = await registered();
    await send(client, "a", "precious");
    await loseReply(`GET /api/v1/instances/${client.instance}/signals/a`);
    await loseReply(`GET /api/v1/instances/${client.instance}/signals/a`);
    expect((await client.get("signals/a")).body.custom_signal).toMatchObject({ payload: b64("precious") });
    client.hangUp();
    expect((await client.get("signals/a")).body.custom_signal).toMatchObject({ payload: b64("precious") });
    await client.get("signals");
    expect((await client.get("signals/a")).body.custom_signal).toBeNull();
  });

  it("stay where a newer one came before the older one's delivery was proven", async () => {
    const client = await registered();
    await send(client, "a", "one");
    expect((await client.get("signals/a")).body.custom_signal.payload).toBe(b64("one"));
    await send(client, "a", "two");
    expect((await client.get("signals/a")).body.custom_signal.payload).toBe(b64("two"));
    expect((await client.get("signals/a")).body.custom_signal).toBeNull();
  });

  it("ride on the reply of a checkpoint, stored or found, and never on a read", async () => {
    const client = await registered();
    await send(client, "c", "ride");
    const call = (state: string) => client.post("checkpoint", { checkpoint_id: "c", state });
    expect((await call("")).body.custom_signal ?? null).toBeNull();
    expect((await call(b64("x"))).body.custom_signal).toMatchObject({ payload: b64("ride") });
    expect((await call("")).body.custom_signal ?? null).toBeNull();
    await send(client, "c", "again");
    expect((await call("")).body.custom_signal ?? null).toBeNull();
    expect((await call(b64("x"))).body).toMatchObject({
      found: true,
      custom_signal: { payload: b64("again") },
    });
    expect((await call(b64("x"))).body.custom_signal).toBeNull();
  });

  it("reach another connection of the same program, too", async () => {
    const client = await registered();
    await send(client, "a", "x");
    await client.get("signals/a");
    expect((await program(client).get("signals/a")).body.custom_signal).toMatchObject({ payload: b64("x") });
  });
});

describe("sleeps", () => {
  const sleep = (client: Client, duration_ms: number, signal?: AbortSignal, id = "s") =>
    client.call("POST", "sleep", { checkpoint_id: id, duration_ms, state: b64("zzz") }, signal);

  it("are answered when they are over, and keep their state", async () => {
    const client = await registered();
    const began = performance.now();
    expect((await sleep(client, 300)).body).toMatchObject({ success: true });
    expect(performance.now() - began).toBeGreaterThan(290);
    expect((await client.post("checkpoint", { checkpoint_id: "s", state: "" })).body.state).toBe(b64("zzz"));
  });

  it("go on for the rest of their time after a time-out, on any door", async () => {
    const client = await registered();
    const began = Date.now();
    await expect(sleep(client, 1_200, AbortSignal.timeout(400))).rejects.toThrow();
    const other = await door.startAnother();
    const later = createClient(other.url, { instance: client.instance, tenant: "acme" });
    expect((await sleep(later, 1_200)).body.success).toBe(true);
    const took = Date.now() - began;
    expect(took).toBeGreaterThanOrEqual(1_195);
    expect(took).toBeLessThan(1_590);
  });

  it("are over at once in a later run, and begin anew in the run that was told of their end", async () => {
    const client = await registered();
    await sleep(client, 250);
    const began = performance.now();
    await sleep(client, 250);
    expect(performance.now() - began).toBeGreaterThan(240);
    await client.post("register", { tenant_id: "acme" });
    const later = performance.now();
    await sleep(client, 5_000);
    expect(performance.now() - later).toBeLessThan(2_000);
  });

  it("are not answered early when the door closes", async () => {
    const client = await registered();
    const other = await door.startAnother();
    const sleeper = createClient(other.url, { instance: client.instance, tenant: "acme" });
    const outcome = sleep(sleeper, 60_000, undefined, "long").then(
      () => "woken",
      () => "cut",
    );
    await expect
      .poll(async () => (await client.post("checkpoint", { checkpoint_id: "long", state: "" })).body.found)
      .toBe(true);
    await other.close({ graceMs: 5_000 });
    expect(await outcome).toBe("cut");
  });

  it("need a running instance", async () => {
    const client = await registered();
    await client.post("completed", { output: "" });
    expect((await sleep(client, 10)).status).toBe(409);
  });
});

/** A client that leaves as soon as the head of the reply is there, and never asks again on its connection. */
async function loseReply(line: string): Promise<void> {
  const socket = connect(Number(new URL(door.url).port), "127.0.0.1");
  socket.write(
    `${line} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Runtara-Tenant-Id: acme\r\nContent-Length: 0\r\n\r\n`,
  );
  await once(socket, "data");
  socket.destroy();
  await once(socket, "close");
}
