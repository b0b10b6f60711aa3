/** Runtara's doors over QUIC, by narun's own client: the calls of programs and of managers. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { userCacheDir } from "../../nats-server/index.ts";
import {
  createProtocolClient,
  type EnvironmentRequest,
  environment,
  environmentRpc,
  findDeno,
  type InstanceRequest,
  instance,
  instanceRpc,
  type ProtocolClient,
  type ProtocolServer,
} from "../../protocol/index.ts";
import { startEnvironmentDoor, startInstanceDoor } from "../../runtara/index.ts";
import { freeUdpPort } from "../harness/udp-port.ts";
import { startTestDoor, type TestDoor } from "./door.ts";

// Without npm: it comes by test/peers/deno.ts, or by narun itself.
const deno = await findDeno({
  cacheDir: userCacheDir(process.env),
  given: process.env.NARUN_DENO,
  searchPath: "",
}).catch((error: unknown) => String(error));
const log = pino({ level: process.env.NARUN_TEST_LOG ?? "silent" });

const callInstance = async (client: ProtocolClient, request: InstanceRequest["request"]) => {
  const answer = await client.call(instanceRpc.writeRequest({ request } as InstanceRequest));
  return instanceRpc.readResponse(answer).response;
};
const tell = (client: ProtocolClient, request: InstanceRequest["request"]) =>
  client.send(instanceRpc.writeRequest({ request } as InstanceRequest));
const callEnvironment = async (
  client: ProtocolClient,
  request: EnvironmentRequest["request"],
  file?: AsyncIterable<Uint8Array>,
) => {
  const payload = environmentRpc.writeRequest({ request } as EnvironmentRequest);
  return environmentRpc.readResponse(await client.call(payload, file ? { file } : {})).response;
};

const text = (value: string) => new TextEncoder().encode(value);

describe.skipIf(!existsSync(deno))(`Runtara over QUIC (Deno: ${deno.slice(0, 80)})`, () => {
  const closers = new AsyncDisposableStack();
  let door: TestDoor;
  let programs: ProtocolServer;
  let managers: ProtocolServer;
  let program: ProtocolClient;
  let manager: ProtocolClient;
  const clientOf = (
    server: ProtocolServer,
    options: Partial<Parameters<typeof createProtocolClient>[0]> = {},
  ) => {
    const { address, certificate } = server;
    const client = createProtocolClient({ deno, address, ca: certificate.ca, ...options });
    closers.defer(() => client.close());
    return client;
  };

  beforeAll(async () => {
    door = closers.use(await startTestDoor());
    const keys = await mkdtemp(join(tmpdir(), "narun-test-quic-"));
    closers.defer(() => rm(keys, { recursive: true, force: true }));
    const { runtara } = door;
    const common = { runtara, deno, keys, version: "1.2.3", log };
    const addressOf = async () => ({ host: "127.0.0.1", port: await freeUdpPort() });
    programs = await startInstanceDoor({ ...common, address: await addressOf() });
    managers = await startEnvironmentDoor({ ...common, address: await addressOf() });
    closers.defer(() => Promise.all([programs.close(), managers.close()]).then(() => undefined));
    program = clientOf(programs);
    manager = clientOf(managers);
  });
  afterAll(() => closers.disposeAsync());

  const register = async (instanceId: string, tenantId = "acme") =>
    callInstance(program, { case: "registerInstance", value: { instanceId, tenantId } });

  test("a program registers, stores checkpoints and completes; its manager reads all of it", async () => {
    expect(await register("p1")).toMatchObject({ case: "registerInstance", value: { success: true } });
    const checkpoint = { instanceId: "p1", checkpointId: "a/b: é", state: text("one") };
    expect(await callInstance(program, { case: "checkpoint", value: checkpoint })).toMatchObject({
      case: "checkpoint",
      value: { found: false },
    });
    const again = { ...checkpoint, state: text("two") };
    expect(await callInstance(program, { case: "checkpoint", value: again })).toMatchObject({
      value: { found: true, state: text("one") },
    });
    const read = { instanceId: "p1", checkpointId: "a/b: é" };
    expect(await callInstance(program, { case: "getCheckpoint", value: read })).toMatchObject({
      value: { found: true, state: text("one") },
    });
    await tell(program, {
      case: "retryAttempt",
      value: { instanceId: "p1", checkpointId: "c", attemptNumber: 2, errorMessage: "x" },
    });
    const completed = { eventType: instance.InstanceEventType.COMPLETED, payload: text('{"ok":1}') };
    await callInstance(program, { case: "instanceEvent", value: { instanceId: "p1", ...completed } });
    await expect
      .poll(() => callEnvironment(manager, { case: "getInstanceStatus", value: { instanceId: "p1" } }))
      .toMatchObject({
        value: {
          found: true,
          status: environment.InstanceStatus.STATUS_COMPLETED,
          output: text('{"ok":1}'),
          tenantId: "acme",
        },
      });
    expect(
      await callInstance(program, { case: "getInstanceStatus", value: { instanceId: "p1" } }),
    ).toMatchObject({
      value: { status: instance.InstanceStatus.STATUS_COMPLETED, output: text('{"ok":1}') },
    });
    const listed = await callEnvironment(manager, { case: "listCheckpoints", value: { instanceId: "p1" } });
    expect(listed).toMatchObject({ value: { checkpoints: [{ checkpointId: "a/b: é" }], totalCount: 1 } });
  });

  test("a finished instance is not registered again", async () => {
    await register("p2");
    const failed = { eventType: instance.InstanceEventType.FAILED, payload: text("it broke") };
    await callInstance(program, { case: "instanceEvent", value: { instanceId: "p2", ...failed } });
    expect(await register("p2")).toMatchObject({
      case: "error",
      value: { code: "RUNTARA_INSTANCE_FINISHED" },
    });
    expect(
      await callEnvironment(manager, { case: "getInstanceStatus", value: { instanceId: "p2" } }),
    ).toMatchObject({
      value: { status: environment.InstanceStatus.STATUS_FAILED, error: "it broke" },
    });
  });

  test("a custom signal comes again until the program goes on, and a signal until it is acknowledged", async () => {
    await register("p3");
    const custom = { instanceId: "p3", checkpointId: "approved", payload: text("yes") };
    expect(await callEnvironment(manager, { case: "sendCustomSignal", value: custom })).toMatchObject({
      value: { success: true },
    });
    const cancel = { instanceId: "p3", signalType: environment.SignalType.CANCEL };
    await callEnvironment(manager, { case: "sendSignal", value: cancel });
    const poll = { instanceId: "p3", checkpointId: "approved" };
    const shown = {
      value: { customSignal: { payload: text("yes") }, signal: { signalType: instance.SignalType.CANCEL } },
    };
    // Another connection: nothing proves that the first has the answer.
    const other = clientOf(programs);
    expect(await callInstance(other, { case: "pollSignals", value: poll })).toMatchObject(shown);
    expect(await callInstance(program, { case: "pollSignals", value: poll })).toMatchObject(shown);
    const next = await callInstance(program, { case: "pollSignals", value: poll });
    expect(next).toMatchObject({ value: { signal: { signalType: instance.SignalType.CANCEL } } });
    expect(next.value).not.toHaveProperty("customSignal.payload");
    const acknowledged = { instanceId: "p3", signalType: instance.SignalType.CANCEL, acknowledged: true };
    await tell(program, { case: "signalAck", value: acknowledged });
    await expect
      .poll(() => callEnvironment(manager, { case: "getInstanceStatus", value: { instanceId: "p3" } }))
      .toMatchObject({ value: { status: environment.InstanceStatus.STATUS_CANCELLED } });
  });

  test("a sleep is answered at its end", async () => {
    await register("p4");
    const started = performance.now();
    const sleep = { instanceId: "p4", checkpointId: "nap", durationMs: 300n };
    expect(await callInstance(program, { case: "sleep", value: sleep })).toMatchObject({ case: "sleep" });
    expect(performance.now() - started).toBeGreaterThanOrEqual(290);
  });

  test("states of some MiB and many calls at a time pass", async () => {
    await register("p5");
    const state = Buffer.alloc(6_000_000, 7);
    const large = { instanceId: "p5", checkpointId: "large", state };
    await callInstance(program, { case: "checkpoint", value: large });
    const read = { instanceId: "p5", checkpointId: "large" };
    const found = await callInstance(program, { case: "getCheckpoint", value: read });
    expect(found.case === "getCheckpoint" && Buffer.compare(state, found.value.state)).toBe(0);
    const calls = Array.from({ length: 200 }, (_, index) =>
      callInstance(program, {
        case: "checkpoint",
        value: { instanceId: "p5", checkpointId: `c${index}`, state: text(String(index)) },
      }),
    );
    expect((await Promise.all(calls)).filter(({ case: kind }) => kind === "checkpoint")).toHaveLength(200);
  });

  test("an image comes as the bytes behind its request, whole or not at all", async () => {
    const script = text("#!/bin/sh\nexit 0\n");
    const value = {
      tenantId: "acme",
      name: "tool",
      binarySize: BigInt(script.byteLength),
      runnerType: environment.RunnerType.NATIVE,
    };
    async function* pieces(bytes: Uint8Array) {
      for (let at = 0; at < bytes.byteLength; at += 5) yield bytes.subarray(at, at + 5);
    }
    const registered = await callEnvironment(manager, { case: "registerImageStream", value }, pieces(script));
    expect(registered).toMatchObject({ case: "registerImage", value: { success: true } });
    const cut = await callEnvironment(
      manager,
      { case: "registerImageStream", value },
      pieces(script.subarray(0, 8)),
    );
    expect(cut).toMatchObject({ case: "error", value: { code: "RUNTARA_IMAGE_INVALID" } });
    expect(await callEnvironment(manager, { case: "listImages", value: { tenantId: "acme" } })).toMatchObject(
      {
        value: { images: [{ name: "tool", tenantId: "acme" }], totalCount: 1 },
      },
    );
    const other = await callEnvironment(manager, { case: "listImages", value: { tenantId: "other" } });
    expect(other).toMatchObject({ value: { images: [], totalCount: 0 } });
  });

  test("a server whose certificate nothing vouches for is refused, unless the client pins or waives it", async () => {
    const health = { case: "healthCheck", value: {} } as const;
    const { address, certificate } = managers;
    const open = (options: object) => {
      const client = createProtocolClient({ deno, address, ...options });
      closers.defer(() => client.close());
      return client;
    };
    await expect(callEnvironment(open({}), health)).rejects.toThrow(/certificate/);
    await expect(callEnvironment(open({ fingerprint: "0".repeat(64) }), health)).rejects.toThrow(
      /certificate/,
    );
    const healthy = { value: { healthy: true, version: "1.2.3" } };
    expect(await callEnvironment(open({ fingerprint: certificate.fingerprint }), health)).toMatchObject(
      healthy,
    );
    expect(await callEnvironment(open({ skipVerification: true }), health)).toMatchObject(healthy);
  });

  const peer = join(userCacheDir(process.env), "peers", "runtara-quic-1.4.1");
  test.skipIf(!existsSync(peer))(
    "the SDK 1.4.1 itself makes its calls (test/peers/runtara-quic.sh)",
    async () => {
      const { host, port } = programs.address;
      const { stdout } = await promisify(execFile)(peer, {
        env: {
          RUNTARA_INSTANCE_ID: "sdk",
          RUNTARA_TENANT_ID: "acme",
          RUNTARA_SERVER_ADDR: `${host}:${port}`,
          RUNTARA_SKIP_CERT_VERIFICATION: "true",
        },
      });
      expect(stdout.trim().split("\n")).toEqual([
        ...["first false", "again state", "large 3000000", "signal false"],
        "status Completed",
      ]);
      expect(
        await callEnvironment(manager, { case: "getInstanceStatus", value: { instanceId: "sdk" } }),
      ).toMatchObject({
        value: { status: environment.InstanceStatus.STATUS_COMPLETED, output: text('{"done":true}') },
      });
    },
  );

  test("a message that is none ends its call alone", async () => {
    await expect(program.call(text("\xff\xff\xff"))).rejects.toThrow();
    expect(await register("p6")).toMatchObject({ value: { success: true } });
  });

  test("a server whose process is killed listens again at its address", async () => {
    programs.kill();
    // The former connection is silent until its idle limit has passed.
    const value = { instanceId: "p7", tenantId: "acme" };
    await expect
      .poll(() => callInstance(clientOf(programs), { case: "registerInstance", value }).catch(String), {
        timeout: 25_000,
      })
      .toMatchObject({ value: { success: true } });
  });
});
