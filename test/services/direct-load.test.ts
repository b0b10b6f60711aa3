/** Calls from instance to instance count: for operators, for the places of an instance, and for its sleep. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { subjects } from "../../contracts/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

/** `wait` waits until its caller leaves. */
const CALLEE = `
import { service } from "narun";
export default service({ name: "NAME", version: "1.0.0" })
  .action("wait", {}, (_input, ctx) => new Promise((resolve) => ctx.signal.addEventListener("abort", () => resolve("left"))))
  .action("quick", { readOnly: true }, () => "quick")
  .action("fails", {}, () => { throw new Error("no"); });
`;
const CALLER = `
import { service } from "narun";
export default service({ name: "caller", version: "1.0.0" })
  .action("ask", {}, async ({ of, action }, ctx, env) => {
    try {
      return { value: await env[of][action](undefined, { signal: ctx.signal }) };
    } catch ({ name, code }) {
      return { failed: { name, code } };
    }
  })
  .action("flood", {}, async ({ of }, ctx, env) => {
    const loop = async () => { while (!ctx.signal.aborted) await env[of].quick(); };
    await Promise.all(Array.from({ length: 8 }, loop));
  });
`;
const WAIT = { timeoutMs: 20_000 };
const SLEEPY = { min: 0, idleSeconds: 0.5 };
const HOSTS = ["NEAR", "FAR"] as const;

let world: World;
let metricsUrl: string;
/** Calls that took the way by a gateway, by service. */
const byGateway: string[] = [];

beforeAll(async () => {
  world = await startWorld({ gateway: { metrics: { host: "127.0.0.1", port: 0 } } });
  metricsUrl = `${world.gateway.metricsUrl}/metrics`;
  world.connection.subscribe(subjects.invokeAll, ({ subject }) => {
    byGateway.push(subject.slice(subjects.invoke("").length));
  });
  const push = (name: string, config: object) =>
    world.push(name, CALLEE.replace("NAME", name), { ...config });
  await push("near", { scale: { min: 1, max: 1, concurrency: 1 } });
  await push("far", { trust: "apart", scale: { min: 1, max: 1, concurrency: 1 } });
  await push("sleepy", { scale: SLEEPY });
  await push("unused", { scale: SLEEPY });
  await world.push("caller", CALLER, {
    bindings: ["near", "far", "sleepy"].map((service) => ({ name: service.toUpperCase(), service })),
    scale: { min: 1 },
  });
}, 120_000);
afterAll(() => world?.[Symbol.asyncDispose]());

const ask = async (of: string, action: string, signal?: AbortSignal) =>
  JSON.parse(
    (
      await world.call("/caller.ask", {
        method: "POST",
        body: JSON.stringify({ of, action }),
        ...(signal && { signal }),
      })
    ).text,
  );
const isDirect = (of: string) =>
  eventually(async () => {
    const before = byGateway.length;
    expect(await ask(of, "quick")).toEqual({ value: "quick" });
    expect(byGateway.slice(before)).toEqual([]);
  }, WAIT);
/** The value of a series on a page; 0 where it is not there. */
const seriesOf = async (page: string, name: string, ...labels: string[]) => {
  const text = await (await fetch(page)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`));
  const found = lines.filter((line) => labels.every((label) => line.includes(label)));
  return found.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
};
const onNode = (name: string, ...labels: string[]) =>
  seriesOf(`${world.nodes[0]?.metricsUrl}/metrics`, name, ...labels);
/** Holds a call to a service that goes straight to its instance, until the returned function is called. */
async function holdCall(of: string) {
  await isDirect(of);
  const leaving = new AbortController();
  const over = ask(of, "wait", leaving.signal).catch(() => undefined);
  const service = `service="${of.toLowerCase()}"`;
  await eventually(
    async () => expect(await onNode("narun_node_requests_in_flight", service, 'way="call"')).toBe(1),
    WAIT,
  );
  return async () => {
    leaving.abort();
    await over;
  };
}

describe.each(HOSTS)("calls to an instance that is %s", (of) => {
  const name = of.toLowerCase();
  const service = `service="${name}"`;

  it("are counted by its node, and listed", async () => {
    await isDirect(of);
    const count = () => onNode("narun_node_requests_total", service, 'way="call"', 'status="200"');
    const before = await eventually(async () => {
      const value = await count();
      expect(value).toBeGreaterThan(0);
      return value;
    }, WAIT);
    for (let n = 0; n < 5; n++) await isDirect(of);
    expect((await ask(of, "fails")).failed).toBeDefined();
    await eventually(async () => {
      expect(await count()).toBeGreaterThanOrEqual(before + 5);
      expect(await onNode("narun_node_requests_total", service, 'way="call"', 'status="HANDLER_THREW"')).toBe(
        1,
      );
      const ended = (await count()) + 1;
      expect(await onNode("narun_node_request_duration_seconds_count", service, 'way="call"')).toBe(ended);
      const all = await onNode("narun_node_request_duration_seconds_bucket", service, 'way="call"', '"+Inf"');
      expect(all).toBe(ended);
      expect((await world.listed(name)).requests).toBeGreaterThanOrEqual(ended);
    }, WAIT);
  }, 60_000);

  it("have its places: a request of a client is held until one is free", async () => {
    const leave = await holdCall(of);
    expect((await world.listed(name)).inFlight).toBe(1);
    const held = world.call(`/${name}.quick`, { method: "POST", body: "null" });
    await eventually(
      async () => expect(await seriesOf(metricsUrl, "narun_gateway_held", service)).toBe(1),
      WAIT,
    );
    await leave();
    expect((await held).text).toBe('"quick"');
  });

  it("that never end leave places to clients", async () => {
    await isDirect(of);
    const leaving = new AbortController();
    const flood = world
      .call("/caller.flood", { method: "POST", body: JSON.stringify({ of }), signal: leaving.signal })
      .catch(() => undefined);
    for (let n = 0; n < 5; n++)
      expect((await world.call(`/${name}.quick`, { method: "POST", body: "null" })).text).toBe('"quick"');
    leaving.abort();
    await flood;
  });
});

it("an instance that answers a call does not fall asleep", async () => {
  const leave = await holdCall("SLEEPY");
  const [before] = await world.ps("sleepy");
  // The same function without calls sleeps meanwhile, from a later start on.
  await world.call("/unused.quick", { method: "POST", body: "null" });
  await eventually(async () => expect(await world.ps("unused")).toEqual([]), WAIT);
  expect(await world.ps("sleepy")).toMatchObject([
    { instance: before?.instance, state: "ready", inFlight: 1 },
  ]);
  await leave();
  await eventually(async () => expect(await world.ps("sleepy")).toEqual([]), WAIT);
});
