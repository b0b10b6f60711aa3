/** The unmodified SDK (runtara-sdk 1.6.4) against the door. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient, startTestDoor, type TestDoor } from "./door.ts";
import { type Peer, type PeerOptions, RUNTARA_PEER, startProgram } from "./peer.ts";

describe.skipIf(RUNTARA_PEER === undefined)("a program on runtara-sdk 1.6.4 (test/peers/runtara.sh)", () => {
  let door: TestDoor;
  const peers = new AsyncDisposableStack();
  beforeAll(async () => {
    door = await startTestDoor();
  });
  afterAll(async () => {
    await peers.disposeAsync();
    await door[Symbol.asyncDispose]();
  });
  const start = (instance: string, options: Partial<PeerOptions> = {}, url = door.url): Peer =>
    peers.use(startProgram(url, { instance, ...options }));
  const registered = async (instance: string, options: Partial<PeerOptions> = {}) => {
    const peer = start(instance, options);
    expect(await peer.call("connect")).toBe(true);
    expect(await peer.call("register", null)).toBe(true);
    return peer;
  };
  const manage = (instance: string, path: string, body: unknown) =>
    createClient(door.url).post(`/api/v1/instances/${instance}/${path}`, body);

  it("connects, registers, and ends with a result", async () => {
    const peer = await registered("one");
    expect(await peer.call("load_input")).toBeNull();
    expect(await peer.call("heartbeat")).toBe(true);
    expect(await peer.call("status")).toMatchObject({ found: true, status: "Running", checkpoint: null });
    expect(await peer.call("completed", '{"done":true}')).toBe(true);
    expect(await peer.call("status")).toMatchObject({
      status: "Completed",
      output: '{"done":true}',
      error: null,
    });
    expect(await peer.call("register", null)).toMatchObject({
      failed: expect.stringContaining("has finished"),
    });
  });

  it("stores and finds checkpoints, small and large, with any id, also after it was killed", async () => {
    const peer = await registered("two");
    expect(await peer.call("get_checkpoint", "a")).toBeNull();
    expect(await peer.call("checkpoint", "a", "state")).toMatchObject({
      found: false,
      signal: null,
      custom: null,
    });
    expect(await peer.call("checkpoint", "large", 2_000_000)).toMatchObject({ found: false });
    expect(await peer.call("checkpoint", "durable::f::é /%?#", "x")).toMatchObject({ found: false });
    await peer.kill9();
    const later = await registered("two");
    expect(await later.call("get_checkpoint", "a")).toBe("state");
    expect(await later.call("checkpoint", "a", "other")).toMatchObject({ found: true, state: "state" });
    expect(await later.call("checkpoint", "large", 5)).toMatchObject({ found: true, length: 2_000_000 });
    expect(await later.call("get_checkpoint", "durable::f::é /%?#")).toBe("x");
  });

  it("is shown signals, and acknowledges them", async () => {
    const peer = await registered("three");
    expect(await peer.call("poll_signal")).toBeNull();
    await manage("three", "signals", { signal_type: "pause", payload: "rest" });
    expect(await peer.call("checkpoint", "c", "x")).toMatchObject({
      signal: { type: "Pause", payload: "rest" },
    });
    expect(await peer.call("get_checkpoint", "c")).toBe("x");
    expect(await peer.call("poll_signal")).toMatchObject({ type: "Pause" });
    expect(await peer.call("acknowledge_signal", "pause")).toBe(true);
    expect(await peer.call("suspended")).toBe(true);
    expect(await peer.call("status")).toMatchObject({ status: "Suspended" });
    expect(await peer.call("register", null)).toBe(true);
    await manage("three", "signals", { signal_type: "cancel" });
    expect(await peer.call("poll_signal")).toMatchObject({ type: "Cancel" });
    expect(await peer.call("acknowledge_signal", "cancel")).toBe(true);
    expect(await peer.call("failed", "Instance cancelled")).toBe(true);
    expect((await createClient(door.url).get("/api/v1/instances/three")).body.status).toBe("cancelled");
  });

  it("gets custom signals once, by checkpoint and by poll", async () => {
    const peer = await registered("four");
    expect(await peer.call("poll_custom_signal", "approve/é:1")).toBeNull();
    await manage("four", "signals/custom", { checkpoint_id: "approve/é:1", payload: '{"ok":1}' });
    expect(await peer.call("poll_custom_signal", "approve/é:1")).toBe('{"ok":1}');
    expect(await peer.call("poll_custom_signal", "approve/é:1")).toBeNull();
    await manage("four", "signals/custom", { checkpoint_id: "step", payload: "ride" });
    expect(await peer.call("get_checkpoint", "step")).toBeNull();
    expect(await peer.call("checkpoint", "step", "s")).toMatchObject({
      custom: { id: "step", payload: "ride" },
    });
    expect(await peer.call("checkpoint", "step", "s")).toMatchObject({ found: true, custom: null });
  });

  it("is woken at the end of its sleep, which a time-out does not lengthen", async () => {
    const peer = await registered("five", { env: { RUNTARA_REQUEST_TIMEOUT_MS: "500" } });
    const began = Date.now();
    expect(await peer.call("sleep", "nap", 900, "zz")).toMatchObject({ failed: expect.any(String) });
    expect(await peer.call("sleep", "nap", 900, "zz")).toBe(true);
    const took = Date.now() - began;
    expect(took).toBeGreaterThanOrEqual(895);
    expect(took).toBeLessThan(1_380);
    expect(await peer.call("get_checkpoint", "nap")).toBe("zz");
  });

  it("tells events and retries", async () => {
    const peer = await registered("six");
    expect(await peer.call("custom_event", "progress", '{"at":1}')).toBe(true);
    expect(await peer.call("retry", "step", 2, "flaky")).toBe(true);
    const { body } = await createClient(door.url).get("/api/v1/instances/six/events?event_type=custom");
    expect(body.events).toMatchObject([{ subtype: "progress", event_type: "custom" }]);
  });

  it("carries its token in the address, as a password or in the path", async () => {
    const closed = await door.startAnother({ isOpen: false });
    const bare = start("seven", {}, closed.url);
    expect(await bare.call("connect")).toBe(true);
    expect(await bare.call("register", null)).toMatchObject({
      failed: expect.stringContaining("TOKEN_REFUSED"),
    });
    const token = door.runtara.access.issue({ tenant: "acme", instance: "seven" });
    for (const url of [
      closed.url.replace("//", `//any:${token}@`),
      `${closed.url}/t/${token}`,
      `${closed.url}/t/${token}/`,
    ]) {
      const peer = start("seven", {}, url);
      expect(await peer.call("connect")).toBe(true);
      expect(await peer.call("register", null)).toBe(true);
      expect(await peer.call("checkpoint", `by ${url}`, "x")).toMatchObject({ found: false });
    }
    const others = start("eight", {}, `${closed.url}/t/${token}`);
    expect(await others.call("register", null)).toMatchObject({
      failed: expect.stringContaining("TOKEN_REFUSED"),
    });
    const stranger = start("seven", { tenant: "evil" }, `${closed.url}/t/${token}`);
    expect(await stranger.call("register", null)).toMatchObject({
      failed: expect.stringContaining("OTHER_TENANT"),
    });
  });

  it("goes on by the same calls after NATS was killed", async () => {
    const peer = await registered("nine");
    await peer.call("checkpoint", "before", "kept");
    await door.server.kill9();
    await expect
      .poll(async () => await peer.call("get_checkpoint", "before"), { timeout: 20_000, interval: 100 })
      .toBe("kept");
    expect(await peer.call("checkpoint", "after", "x")).toMatchObject({ found: false });
  }, 40_000);
});
