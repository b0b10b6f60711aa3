import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { identifyProcess, isRunning } from "../machine/process-identity.ts";
import { connectNats } from "../nats/connection.ts";
import { openSpecs } from "../nats/stores.ts";
import { eventually } from "../test/harness/eventually.ts";
import { type NatsServer, type StartServerOptions, startNatsServer } from "./start.ts";

let dir: string;
const servers: NatsServer[] = [];

beforeEach(async () => {
  // A space and a quote, as folders of people have them.
  dir = await mkdtemp(join(tmpdir(), 'narun "test" server '));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await rm(dir, { recursive: true, force: true });
});

async function start(options: Partial<StartServerOptions> = {}): Promise<NatsServer> {
  const server = await startNatsServer({
    binary: inject("natsServer"),
    dataDir: dir,
    log: pino({ level: "silent" }),
    ...options,
  });
  servers.push(server);
  return server;
}

/** A program in place of nats-server. */
async function writeProgram(name: string, script: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

test("resolves when the server takes connections and JetStream is ready", async () => {
  const server = await start();
  expect(server.url).toBe(`nats://127.0.0.1:${server.port}`);
  const nats = await connectNats({ url: server.url, name: "test" });
  expect(nats.maxPayload).toBe(8 * 1024 * 1024);
  await openSpecs(nats);
  await nats.close();
});

test("keeps its data over a close and a new start", async () => {
  const first = await start();
  let nats = await connectNats({ url: first.url, name: "test" });
  await nats.connection.request(
    "$JS.API.STREAM.CREATE.kept",
    JSON.stringify({ name: "kept", subjects: ["kept"] }),
  );
  await nats.close();
  await first.close();
  nats = await connectNats({ url: (await start()).url, name: "test" });
  const info = await nats.request("$JS.API.STREAM.INFO.kept", "", { timeoutMs: 5_000 });
  expect(JSON.parse(info.text())).toMatchObject({ config: { name: "kept" } });
  await nats.close();
});

test("takes the port that it is told, and says ADDRESS_IN_USE with how to choose another where it is taken", async () => {
  const first = await start();
  const port = first.port;
  const failure = await start({ port, dataDir: join(dir, "other") }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "ADDRESS_IN_USE", fields: { port, host: "127.0.0.1" } });
  expect(String(failure)).toContain(`127.0.0.1:${port}`);
  expect(String(failure)).toContain("--nats-port");
  await first.close();
  expect((await start({ port })).port).toBe(port);
});

test("says ADDRESS_IN_USE of a port that is taken while the server starts", async () => {
  const taker = createServer();
  const port = await new Promise<number>((resolve) => {
    taker.listen(0, "127.0.0.1", () => {
      const address = taker.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  taker.close();
  // Stands for a server that finds the port taken: when it is started, it is.
  const binary = await writeProgram("nats-server", "sleep 0.2; exit 1");
  const starting = start({ binary, port, onSpawn: () => taker.listen(port, "127.0.0.1") });
  await expect(starting).rejects.toMatchObject({ code: "ADDRESS_IN_USE" });
  taker.close();
});

test("says NATS_SERVER_FAILED with the last words of a server that does not start", async () => {
  const binary = await writeProgram("nats-server", "echo 'the store is broken' >&2; exit 3");
  const failure = await start({ binary }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "NATS_SERVER_FAILED" });
  expect(String(failure)).toContain("status 3");
  expect(String(failure)).toContain("the store is broken");
});

test("says NATS_SERVER_FAILED of a binary that is not there", async () => {
  await expect(start({ binary: join(dir, "none") })).rejects.toMatchObject({ code: "NATS_SERVER_FAILED" });
});

test("says NATS_SERVER_FAILED with the server's reason of an address that this machine does not have", async () => {
  // An address of documentation (RFC 5737).
  const failure = await start({ host: "203.0.113.1", port: 4999 }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "NATS_SERVER_FAILED" });
  expect(String(failure)).toContain("cannot assign requested address");
});

test("ends a start that is aborted, and leaves no process behind", async () => {
  const binary = await writeProgram("nats-server", "exec sleep 60");
  const aborting = new AbortController();
  let pid = 0;
  const starting = start({
    binary,
    signal: aborting.signal,
    onSpawn: (spawned) => {
      pid = spawned;
      aborting.abort(new Error("not wanted any more"));
    },
  });
  await expect(starting).rejects.toThrow("not wanted any more");
  expect(pid).toBeGreaterThan(0);
  expect(isRunning(identifyProcess(pid))).toBe(false);
});

test("is restarted on the same port with the same store when it is killed, again and again", async () => {
  const spawned: number[] = [];
  const server = await start({ onSpawn: (pid) => spawned.push(pid) });
  const nats = await connectNats({ url: server.url, name: "test" });
  await nats.connection.request(
    "$JS.API.STREAM.CREATE.kept",
    JSON.stringify({ name: "kept", subjects: ["kept"] }),
  );
  for (let kills = 1; kills <= 2; kills++) {
    process.kill(spawned.at(-1) ?? 0, "SIGKILL");
    await eventually(() => {
      expect(spawned).toHaveLength(kills + 1);
      expect(server.pid).toBe(spawned.at(-1));
    });
    const info = await eventually(() => nats.request("$JS.API.STREAM.INFO.kept", "", { timeoutMs: 500 }));
    expect(JSON.parse(info.text())).toMatchObject({ config: { name: "kept" } });
  }
  await nats.close();
});

test("starts nothing any more after it was closed, also in the middle of a restart", async () => {
  const spawned: number[] = [];
  const server = await start({ onSpawn: (pid) => spawned.push(pid) });
  process.kill(server.pid ?? 0, "SIGKILL");
  await eventually(() => expect(spawned).toHaveLength(2));
  await server.close();
  expect(server.pid).toBeUndefined();
  for (const pid of spawned) expect(isRunning(identifyProcess(pid))).toBe(false);
  expect(await readdir(join(dir, "nats", "ports"))).toEqual([]);
});

test("kills a server that does not end by itself", async () => {
  const server = await start();
  const pid = server.pid ?? 0;
  // A stopped process takes no SIGTERM.
  process.kill(pid, "SIGSTOP");
  await server.close();
  expect(isRunning(identifyProcess(pid))).toBe(false);
});
