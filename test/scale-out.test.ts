/** Instances under load: they are added up to `scale.max`, on all nodes, and end when they are not needed. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type DemandReply, DemandReplySchema, subjects } from "../contracts/index.ts";
import type { Gateway } from "../gateway/index.ts";
import { eventually } from "./harness/eventually.ts";
import { programSource } from "./harness/program.ts";
import { gateBinding, openGate, sharedGate } from "./harness/shared-gate.ts";
import { startTraffic } from "./harness/traffic.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld({ nodes: 2 });
afterAll(() => world[Symbol.asyncDispose]());

const WAIT = { timeoutMs: 20_000 };
const push = (name: string, scale: object, config: object = {}) =>
  world.push(name, sharedGate(), { bindings: [gateBinding], scale, ...config });
const begin = (path: string, count: number, { httpUrl }: Gateway = world.gateway) =>
  Array.from({ length: count }, async () => (await fetch(httpUrl + path)).status);
const starts = (name: string) => world.announcements(name).filter(({ state }) => state === "starting").length;
const running = async (name: string) =>
  (await world.ps(name)).map(({ node, inFlight }) => `${node} ${inFlight}`).sort();
/** The most instances that were starting or ready at one time. */
const mostAtOnce = (name: string) => {
  const live = new Set<string>();
  return Math.max(
    ...world.announcements(name).map(({ state, instance }) => {
      if (state === "starting") live.add(instance);
      else if (state !== "ready") live.delete(instance);
      return live.size;
    }),
  );
};
const endedBy = (name: string) =>
  world.announcements(name).flatMap((one) => (one.state === "gone" ? [one.reason] : []));

describe.each(["isolate", "node"])("a function of the mode %s whose instance is full", (mode) => {
  it("gets others on all nodes, never more than scale.max, which end when it is quiet", async () => {
    const name = `slow-${mode}`;
    await push(name, { max: 3, concurrency: 1, idleSeconds: 0.5 }, { mode });
    const answers = begin(`/${name}?${name}`, 9);
    await eventually(async () => {
      const all = await running(name);
      expect(all.map((text) => text.split(" ")[1])).toEqual(["1", "1", "1"]);
      expect(new Set(all.map((text) => text.split(" ")[0]))).toEqual(new Set(["node-0", "node-1"]));
    }, WAIT);
    await openGate(world, name);
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
    await eventually(() => expect(endedBy(name)).toHaveLength(starts(name)), WAIT);
    expect(new Set(endedBy(name))).toEqual(new Set(["idle"]));
    expect(mostAtOnce(name)).toBe(3);
  });
});

describe("a program whose instance is full", () => {
  it("gets another one, on the other node", async () => {
    const folder = mkdtempSync(join(tmpdir(), "narun-scale-"));
    const gate = join(folder, "open");
    const act = `while (!require("node:fs").existsSync(${JSON.stringify(gate)}))
      await new Promise((resolve) => setTimeout(resolve, 20));
    answer("done");`;
    const source = { "server.mjs": programSource({ act }) };
    const config = { mode: "exec", command: "server.mjs", scale: { max: 2, concurrency: 1 } };
    await world.push("program", source, config);
    const answers = begin("/program", 4);
    await eventually(async () => {
      const nodes = (await world.ps("program")).map(({ node }) => node);
      expect(nodes.sort()).toEqual(["node-0", "node-1"]);
    }, WAIT);
    writeFileSync(gate, "");
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
    rmSync(folder, { recursive: true });
    expect(starts("program")).toBe(2);
  });
});

describe("scale.max", () => {
  it("holds for two gateways together, and they fill the same instances", async () => {
    const second = await world.startGateway();
    await push("shared", { max: 3, concurrency: 1 });
    const answers = [...begin("/shared?shared", 6), ...begin("/shared?shared", 6, second)];
    // Each gateway keeps to the concurrency by itself.
    await eventually(async () => {
      const all = await running("shared");
      expect(all.map((text) => text.split(" ")[1])).toEqual(["2", "2", "2"]);
    }, WAIT);
    await openGate(world, "shared");
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
    expect(starts("shared")).toBe(3);
  });

  it("of 1 keeps one instance, whatever waits", async () => {
    await push("single", { max: 1, concurrency: 1 });
    const answers = begin("/single?single", 5);
    await eventually(() => expect(world.gateway.counts().get("single")).toEqual({ held: 4, inFlight: 1 }));
    // Another function, under the same load, is spread meanwhile.
    await push("beside", { max: 2, concurrency: 1 });
    const others = begin("/beside?single", 5);
    await eventually(async () => expect(await running("beside")).toEqual(["node-0 1", "node-1 1"]), WAIT);
    expect(await world.ps("single")).toHaveLength(1);
    await openGate(world, "single");
    expect(new Set(await Promise.all([...answers, ...others]))).toEqual(new Set([200]));
    expect([starts("single"), starts("beside")]).toEqual([1, 2]);
  });
});

describe("a function whose instance is full of requests that no gateway sees", () => {
  it("gets another one", async () => {
    await push("plain", { max: 2, concurrency: 1 });
    const ask = () => world.connection.request("plain", "plain", { timeoutMs: 60_000 });
    expect(await world.call("/plain")).toMatchObject({ status: 200 });
    const answers = [ask(), ask(), ask()];
    await eventually(async () => expect(await running("plain")).toHaveLength(2), WAIT);
    await openGate(world, "plain");
    for (const answer of await Promise.all(answers)) expect(answer.text()).toBe("done");
    expect(starts("plain")).toBe(2);
  });
});

describe("a node that is asked for an instance beside others", () => {
  it("starts one for all who know the same ones, and none beyond scale.max", async () => {
    const { revision } = await push("asked", { max: 2 });
    const ask = async (beside: string[]) => {
      const demand = JSON.stringify({ function: "asked", revision, beside });
      const reply = await world.connection.request(subjects.demand("node-1"), demand, { timeoutMs: 20_000 });
      return DemandReplySchema.parse(JSON.parse(reply.text()));
    };
    const idOf = (reply: DemandReply) => (reply.outcome === "refused" ? reply.code : reply.instance);
    const [first = "", same = ""] = (await Promise.all([ask([]), ask([])])).map(idOf);
    expect(same).toBe(first);
    const [second = "", too = ""] = (await Promise.all([ask([first]), ask([first])])).map(idOf);
    expect(too).toBe(second);
    expect(second).not.toBe(first);
    expect(idOf(await ask([first, second]))).toBe("SCALE_MAX_REACHED");
    expect(starts("asked")).toBe(2);
  });
});

describe("scale.min", () => {
  it("is left when the load is over", async () => {
    await push("kept", { min: 1, max: 3, concurrency: 1, idleSeconds: 0.5 });
    await world.announced("kept", "ready");
    const answers = begin("/kept?kept", 6);
    await eventually(async () => {
      expect(await running("kept")).toHaveLength(3);
    }, WAIT);
    await openGate(world, "kept");
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
    await eventually(async () => {
      expect(await running("kept")).toHaveLength(1);
      expect(starts("kept") - endedBy("kept").length).toBe(1);
    }, WAIT);
    expect(new Set(endedBy("kept"))).toEqual(new Set(["idle"]));
    expect(mostAtOnce("kept")).toBe(3);
  });
});

describe("a load that falls", () => {
  it("leaves one instance in use, and ends the others without a lost request", async () => {
    const source = `export default async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return new Response("done");
    };`;
    await world.push("falling", source, { scale: { max: 3, concurrency: 1, idleSeconds: 0.5 } });
    const steady = startTraffic(() => world.call("/falling"), { clients: 1 });
    const peak = startTraffic(() => world.call("/falling"), { clients: 8 });
    await eventually(async () => expect(await running("falling")).toHaveLength(3), WAIT);
    await peak.stop();
    await eventually(() => expect(starts("falling") - endedBy("falling").length).toBe(1), WAIT);
    await steady.more(20);
    const answers = [...peak.answers, ...(await steady.stop())];
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(mostAtOnce("falling")).toBe(3);
  });
});

describe("a push to a function with several instances", () => {
  it("replaces them all, and loses no request", async () => {
    const source = (version: string) => `export default async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return new Response("${version}");
    };`;
    const config = { scale: { max: 3, concurrency: 2 } };
    await world.push("pushed", source("v1"), config);
    const traffic = startTraffic(() => world.call("/pushed"), { clients: 12 });
    await eventually(async () => expect(await running("pushed")).toHaveLength(3), WAIT);
    await world.push("pushed", source("v2"), config);
    await eventually(() => expect(endedBy("pushed")).toEqual(["replaced", "replaced", "replaced"]), WAIT);
    await traffic.more(100);
    const answers = await traffic.stop();
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(answers.at(-1)?.text).toBe("v2");
    const after = await world.ps("pushed");
    expect(after).toHaveLength(3);
    expect(new Set(after.map(({ node }) => node))).toEqual(new Set(["node-0", "node-1"]));
    expect(starts("pushed")).toBe(6);
  });
});
