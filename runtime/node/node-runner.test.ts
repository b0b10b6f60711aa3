/** The modes of a node are the hosts that its runner is given. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, inject, it } from "vitest";
import {
  type Announcement,
  AnnouncementSchema,
  type DemandReply,
  DemandReplySchema,
  HeartbeatSchema,
  NarunError,
  subjects,
  type TrialReply,
  TrialReplySchema,
} from "../../contracts/index.ts";
import { pushBuild, removeFunction } from "../../control/index.ts";
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
  /** The starts and ends of hosts, by their groups. */
  const hosts: string[] = [];
  const idles: (() => void)[] = [];
  const startHost: StartHost = ({ events, group }) => {
    const instances = new Set<string>();
    hosts.push(`${group} starts`);
    const end = (instance: string) => instances.delete(instance) && events.onGone(instance, "shutdown");
    return {
      pidOf: () => undefined,
      start: async (order) => {
        starts.push(order);
        instances.add(order.instance);
        idles.push(() => events.onIdle(order.instance));
        return { ok: true, phases: {} };
      },
      trial: async (order) => {
        trials.push(order);
        return { ok: true };
      },
      drain: (instance) => void end(instance),
      close: async () => {
        hosts.push(`${group} ends`);
        for (const instance of instances) end(instance);
      },
    };
  };
  /** All instances report that they are idle. */
  const idle = () => {
    for (const report of idles) report();
  };
  return { startHost, starts, trials, hosts, idle };
}

type TrivialMode = ReturnType<typeof createTrivialMode>;
type Runner = Awaited<ReturnType<typeof startRunner>>;

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
  const expected = new Set<string>();
  const announced: Announcement[] = [];
  nats.subscribe(subjects.announcementsAll, (message) => {
    announced.push(AnnouncementSchema.parse(JSON.parse(message.text())));
  });
  await nats.flush();
  const runner = await startNodeRunner({
    nats: await connect("node"),
    hostNats: { url: server.url },
    hosts,
    onExpected: (mode) => expected.add(mode),
    node: "n",
    version: "0.0.0",
    cacheDir,
    log: pino({ level: "silent" }),
  });
  closers.defer(() => runner.drain({ graceMs: 1_000 }));
  return {
    modes,
    expected,
    announced,
    remove: (name: string) => removeFunction(nats, name),
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

    expect([...runner.expected]).toEqual([]);
    const inNode = await runner.push("in-node", { mode: "node" });
    await eventually(() => expect([...runner.expected]).toEqual(["node"]));
    expect(trials.map(({ config }) => config.name)).toEqual(["in-node"]);
    expect(await runner.trial("in-node", inNode)).toEqual({ outcome: "ok" });
    expect(trials.length).toBe(2);
    // A request that is sent again meanwhile has the same answer.
    await Promise.all([runner.trial("in-node", inNode), runner.trial("in-node", inNode)]);
    expect(trials.length).toBe(3);
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
    expect([starts.length, trials.length]).toEqual([1, 3]);
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

describe("a failed start", () => {
  it.each([
    ["because a store is away", new NarunError("NATS_JETSTREAM_UNAVAILABLE"), "shutdown"],
    ["because there is no store", new NarunError("NATS_NO_JETSTREAM"), "shutdown"],
    ["for a reason that is not known", new Error("ENOSPC: no space left on device"), "shutdown"],
    ["because a secret is missing", new NarunError("SECRET_MISSING"), "failed"],
  ])("%s: whether it is the function's own fault is announced", async (_, error, reason) => {
    const mode = createTrivialMode();
    const startHost: StartHost = (parts) => ({
      ...mode.startHost(parts),
      start: () => Promise.reject(error),
    });
    await using runner = await startRunner({ node: startHost });
    const revision = await runner.push("fn", { mode: "node" });
    expect(await runner.demand("fn", revision)).toMatchObject({ outcome: "starting" });
    await eventually(() =>
      expect(runner.announced).toContainEqual(expect.objectContaining({ state: "gone", reason })),
    );
  });
});

describe("the host of a trust group", () => {
  const config = { mode: "node", trust: "theirs" };
  const bindings = [{ name: "LIMIT", ratelimit: { limit: 1, periodSeconds: 60 } }];
  /** Starts an instance of a function, which is idle at once, and then another one. */
  async function runTwice(runner: Runner, mode: TrivialMode, settings: object) {
    const revision = await runner.push("fn", { ...config, ...settings });
    mode.hosts.length = 0;
    for (let run = 0; run < 2; run++) {
      await eventually(async () =>
        expect(await runner.demand("fn", revision)).toMatchObject({ outcome: "running" }),
      );
      mode.idle();
    }
    expect(mode.starts.length).toBe(2);
  }

  it("ends with its last instance", async () => {
    const mode = createTrivialMode();
    await using runner = await startRunner({ node: mode.startHost });
    await runTwice(runner, mode, {});
    const run = ["theirs starts", "theirs ends"];
    await eventually(() => expect(mode.hosts).toEqual([...run, ...run]));
  });

  it.each<[string, (runner: Runner) => Promise<unknown>]>([
    ["is removed", (runner) => runner.remove("fn")],
    ["loses the limit", (runner) => runner.push("fn", config)],
    ["changes its group", (runner) => runner.push("fn", { ...config, trust: "default", bindings })],
  ])("keeps the counts of a function with a rate limit until it %s", async (_, change) => {
    const mode = createTrivialMode();
    await using runner = await startRunner({ node: mode.startHost });
    await runTwice(runner, mode, { bindings });
    expect(mode.hosts).toEqual(["theirs starts"]);
    await change(runner);
    await eventually(() => expect(mode.hosts).toEqual(["theirs starts", "theirs ends"]));
  });
});
