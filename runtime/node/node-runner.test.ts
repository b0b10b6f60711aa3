/** The modes of a node are the hosts that its runner is given. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, inject, it } from "vitest";
import {
  type DemandReply,
  DemandReplySchema,
  HeartbeatSchema,
  subjects,
  type TrialReply,
  TrialReplySchema,
} from "../../contracts/index.ts";
import { pushBuild } from "../../control/index.ts";
import { connectNats, type Nats } from "../../nats/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { buildSource } from "../../test/harness/function-source.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import type { StartHost, StartOrder, TrialOrder } from "../host.ts";
import { prepareIsolates } from "../isolate/isolates.ts";
import type { StartHosts } from "./modes.ts";
import { startNodeRunner } from "./node-runner.ts";

/** A mode that runs nothing: its hosts take every order. */
function createTrivialMode() {
  const starts: StartOrder[] = [];
  const trials: TrialOrder[] = [];
  const startHost: StartHost = ({ events }) => {
    const instances = new Set<string>();
    const end = (instance: string) => instances.delete(instance) && events.onGone(instance, "shutdown");
    return {
      pidOf: () => undefined,
      start: async (order) => {
        starts.push(order);
        instances.add(order.instance);
        return { ok: true, phases: {} };
      },
      trial: async (order) => {
        trials.push(order);
        return { ok: true };
      },
      drain: (instance) => void end(instance),
      close: async () => {
        for (const instance of instances) end(instance);
      },
    };
  };
  return { startHost, starts, trials };
}

async function startRunner(hosts: StartHosts) {
  const closers = new AsyncDisposableStack();
  const server = closers.use(await startTestNats());
  const connect = async (name: string) => {
    const connection = await connectNats({ url: server.url, name });
    closers.defer(() => connection.close());
    return connection;
  };
  const nats = await connect("test");
  const cacheDir = await mkdtemp(join(tmpdir(), "narun-node-"));
  closers.defer(() => rm(cacheDir, { recursive: true, force: true }));
  const modes = new Set<string>();
  nats.subscribe(subjects.heartbeat("n"), (message) => {
    for (const mode of HeartbeatSchema.parse(JSON.parse(message.text())).modes) modes.add(mode);
  });
  await nats.flush();
  const runner = await startNodeRunner({
    nats: await connect("node"),
    hostNats: { url: server.url },
    hosts,
    node: "n",
    version: "0.0.0",
    cacheDir,
    log: pino({ level: "silent" }),
  });
  closers.defer(() => runner.drain({ graceMs: 1_000 }));
  return {
    modes,
    push: async (name: string, config: Record<string, unknown>) => {
      const build = await buildSource(name, `export default () => new Response("hello");`, config);
      return (await pushBuild(nats, build)).revision;
    },
    demand: async (name: string, revision: string): Promise<DemandReply> =>
      DemandReplySchema.parse(await ask(nats, subjects.demand("n"), { function: name, revision })),
    trial: async (name: string, revision: string): Promise<TrialReply> =>
      TrialReplySchema.parse(await ask(nats, subjects.trial("n"), { function: name, revision })),
    [Symbol.asyncDispose]: () => closers.disposeAsync(),
  };
}

async function ask(nats: Nats, subject: string, request: object): Promise<unknown> {
  return JSON.parse((await nats.request(subject, JSON.stringify(request), { timeoutMs: 10_000 })).text());
}

describe("a node-runner", () => {
  it("announces each mode that it has hosts of, tries its revisions and starts its instances", async () => {
    const { startHost, starts, trials } = createTrivialMode();
    const isolates = await prepareIsolates({ cacheDir: inject("nodeCache"), searchPath: process.env.PATH });
    await using runner = await startRunner({ isolate: isolates.startHost, node: startHost });
    await eventually(() => expect([...runner.modes]).toEqual(["isolate", "node"]));

    const inNode = await runner.push("in-node", { mode: "node" });
    expect(trials.map(({ config }) => config.name)).toEqual(["in-node"]);
    expect(await runner.trial("in-node", inNode)).toEqual({ outcome: "ok" });
    expect(trials.length).toBe(2);
    const reply = await runner.demand("in-node", inNode);
    await eventually(async () =>
      expect(await runner.demand("in-node", inNode)).toMatchObject({ outcome: "running" }),
    );
    expect(starts).toMatchObject([
      { instance: "instance" in reply && reply.instance, config: { mode: "node" } },
    ]);

    const inIsolate = await runner.push("in-isolate", {});
    await eventually(async () =>
      expect(await runner.demand("in-isolate", inIsolate)).toMatchObject({ outcome: "running" }),
    );
    expect([starts.length, trials.length]).toEqual([1, 2]);
  });

  it("refuses a function whose mode it has no hosts of, and names the modes that it has", async () => {
    const { startHost, starts } = createTrivialMode();
    await using runner = await startRunner({ node: startHost });
    const revision = await runner.push("in-isolate", { mode: "isolate", scale: { min: 1 } });
    const says = expect.stringMatching(/in-isolate has the mode isolate, and this node offers node$/);
    expect(await runner.demand("in-isolate", revision)).toEqual({
      outcome: "refused",
      code: "MODE_UNSUPPORTED",
      reason: says,
    });
    expect(await runner.trial("in-isolate", revision)).toEqual({
      outcome: "failed",
      code: "MODE_UNSUPPORTED",
      message: says,
    });

    // The desired state is looked at for both: only the function whose mode is there is kept running.
    await runner.push("in-node", { mode: "node", scale: { min: 1 } });
    await eventually(() => expect(starts.map(({ config }) => config.name)).toEqual(["in-node"]));
  });
});
