/** The door of a node-runner under supervision, as in `narun up`, and its bounds. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, inject, it } from "vitest";
import { startNodeProcess } from "../../cli/world/node-process.ts";
import { connectNats, readLogs } from "../../nats/index.ts";
import { issueRuntaraToken, openRuntara } from "../../runtara/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startTestNats } from "../harness/nats.ts";
import { createClient, startTestDoor } from "./door.ts";

describe("a node with Runtara's door", () => {
  it("keeps its port when it is restarted, runs a bounded number of programs, and ends those of its former life", async () => {
    await using server = await startTestNats();
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "narun-test-runtara-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const nats = await connectNats({ url: server.url, name: "test" });
    stack.defer(() => nats.close());
    const node = await startNodeProcess({
      natsUrl: server.url,
      cacheDir: inject("nodeCache"),
      nodeArguments: ["--runtara-http", "127.0.0.1:0", "--runtara-programs", "1"],
      environment: process.env,
      logLevel: "error",
      log: pino({ level: "silent" }),
    });
    stack.defer(() => node.close());
    const url = node.runtara.runtaraHttp ?? "";
    const token = await issueRuntaraToken(nats, {});
    const client = createClient(url, { headers: { Authorization: `Bearer ${token}` } });
    expect(await createClient(url).get("/api/v1/instances")).toMatchObject({ status: 401 });
    expect((await client.get("/api/v1/instances")).body).toMatchObject({ total_count: 0 });

    const runtara = await openRuntara({ nats });
    const bytes = Buffer.from(
      `#!/bin/sh\necho out\necho err >&2\nwhile [ ! -e "${folder}/go" ]; do sleep 0.05; done\n`,
    );
    const image = await runtara.images.register({
      tenant: "acme",
      name: "wait",
      runnerType: "native",
      bytes,
    });
    for (const instance of ["one", "two"]) await runtara.start({ tenant: "acme", instance, image: image.id });
    const statuses = async () =>
      (await runtara.list({ order: "created_at_asc" })).map(({ status }) => status);
    await eventually(async () => expect((await statuses()).sort()).toEqual(["pending", "running"]));

    const running = (await runtara.list()).find(({ status }) => status === "running");
    await eventually(async () => {
      const lines = await Array.fromAsync(readLogs(nats, {}));
      const said = lines.map(({ request_id, message, stream }) => [request_id, message, stream]);
      expect(said).toContainEqual([running?.id, "out", "stdout"]);
      expect(said).toContainEqual([running?.id, "err", "stderr"]);
      expect(lines[0]?.app_name).toMatch(/^wait-/);
    });

    const former = node.pid ?? 0;
    process.kill(former, "SIGKILL");
    await eventually(async () => expect((await client.get("/api/v1/health")).status).toBe(200), {
      timeoutMs: 30_000,
    });
    expect(node.pid).not.toBe(former);
    expect(node.runtara.runtaraHttp).toBe(url);
    await writeFile(join(folder, "go"), "");
    await eventually(async () => expect(await statuses()).toEqual(["completed", "completed"]), {
      timeoutMs: 40_000,
    });
  }, 90_000);
});

describe("retention", () => {
  it("removes what has finished long ago with all that belongs to it, and never what may go on", async () => {
    await using door = await startTestDoor();
    const { runtara } = door;
    const large = Buffer.alloc(200_000, 1);
    for (const instance of ["done", "paused"]) {
      const caller = { instance, tenant: "acme", run: undefined };
      await runtara.register(caller);
      await runtara.checkpoint(caller, { id: "small", state: Buffer.from("x") });
      await runtara.checkpoint(caller, { id: "large", state: large });
      await runtara.customSignal(caller, { checkpoint: "c", payload: Buffer.from("x") });
      if (instance === "done") await runtara.complete(caller, large);
      else await runtara.suspend(caller);
    }
    expect(await runtara.removeFinishedBefore(Date.now() - 60_000)).toBe(0);
    expect(await runtara.removeFinishedBefore(Date.now() + 1)).toBe(1);
    const ids = (await runtara.list()).map(({ id }) => id);
    expect(ids).toEqual(["paused"]);
    const paused = { instance: "paused", tenant: "acme", run: undefined };
    expect((await runtara.readCheckpoint(paused, "large"))?.state.byteLength).toBe(200_000);
    // The id is free again, with nothing of the former instance.
    const done = { instance: "done", tenant: "acme", run: undefined };
    await runtara.register(done);
    expect(await runtara.checkpoint(done, { id: "large", state: new Uint8Array() })).toEqual({
      found: false,
    });
    expect(await runtara.listEvents(done)).toHaveLength(1);
  });
});
