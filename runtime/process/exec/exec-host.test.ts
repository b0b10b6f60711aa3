/** The end of a host while its programs start. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, expect, it } from "vitest";
import { createBackoff } from "../../../machine/index.ts";
import { connectNats } from "../../../nats/index.ts";
import { buildSource } from "../../../test/harness/function-source.ts";
import { startTestNats } from "../../../test/harness/nats.ts";
import { programSource } from "../../../test/harness/program.ts";
import type { KeptFile } from "../../host.ts";
import type { Means } from "./confinement.ts";
import { lookForMeans } from "./exec.ts";
import { ExecHost } from "./exec-host.ts";
import { findMarked } from "./processes-of.ts";

const server = await startTestNats();
const nats = await connectNats({ url: server.url, name: "test" });
const folder = await mkdtemp(join(tmpdir(), "narun-exec-host-"));
afterAll(async () => {
  await nats.close();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** How many turns of the event loop the last end waits for. */
const MOMENTS = 40;

const nothing = () => undefined;

function createHost(findMeans: () => Promise<Means>) {
  const events = {
    ...{ onIdle: nothing, onFull: nothing, onCondemned: nothing, onLeaving: nothing, onGone: nothing },
    ...{ onGuilty: nothing, onDied: () => false },
  };
  const parts = {
    ...{ node: "n", worldId: nats.world.id, transport: "own" as const, group: "g", egressDeny: [] },
    ...{
      nats: { url: server.url },
      backoff: createBackoff({ firstMs: 1, maxMs: 1, forgetAfterMs: 1 }),
      events,
    },
    ...{ sourceMapOf: async () => undefined, log: pino({ level: "silent" }) },
  };
  return new ExecHost({ parts, folder, searchPath: process.env.PATH ?? "", findMeans });
}

const {
  config,
  bundle: source,
  sourceMap,
} = await buildSource("late", { "server.mjs": programSource() }, { mode: "exec", command: "server.mjs" });
const program: KeptFile = {
  size: source.byteLength,
  head: async (bytes) => source.subarray(0, bytes),
  copyTo: (path) => writeFile(path, source),
};
const bundle = new Uint8Array();
const orders = {
  start: (host: ExecHost) =>
    host.start({ instance: "i1", revision: "r", config, secrets: {}, bundle, program }),
  trial: (host: ExecHost) => host.trial({ config, secrets: {}, bundle, sourceMap, program }),
};

for (const [name, order] of Object.entries(orders))
  it(`starts nothing after its end, where a ${name} was under way`, async () => {
    const asked = Promise.withResolvers<void>();
    const means = Promise.withResolvers<Means>();
    const host = createHost(() => {
      asked.resolve();
      return means.promise;
    });
    const outcome = order(host);
    await asked.promise;
    const closed = host.close({ graceMs: 0 });
    means.resolve(await lookForMeans(process.env.PATH ?? ""));
    await closed;
    expect(findMarked({ folder })).toEqual([]);
    expect(await outcome).toMatchObject({ ok: false, code: "NODE_STOPPING" });
    expect(await readdir(folder)).toEqual([]);
  });

for (const [name, order] of Object.entries(orders))
  it(`leaves nothing where it ends at any moment of a ${name}`, async () => {
    const means = await lookForMeans(process.env.PATH ?? "");
    for (let turns = 0; turns < MOMENTS; turns++) {
      const host = createHost(async () => means);
      const outcome = order(host);
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      await host.close({ graceMs: 0 });
      expect(findMarked({ folder })).toEqual([]);
      expect(await readdir(folder)).toEqual([]);
      await outcome;
    }
  });
