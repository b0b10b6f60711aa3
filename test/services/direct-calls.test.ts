/** Calls between functions from instance to instance: in one host, between hosts, and by a gateway where no instance takes them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { subjects } from "../../contracts/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

const CALLEE = `
import { service } from "narun";
let count = 0;
const me = crypto.randomUUID();
const hang = async ({ not }) => {
  count += 1;
  if (me === not) await new Promise(() => undefined);
  return "answered";
};
export default service({ name: "NAME", version: "1.0.0" })
  .action("who", { readOnly: true }, (_input, ctx) => ({ caller: ctx.headers.get("narun-caller"), leftMs: ctx.deadline - Date.now() }))
  .action("slow", {}, async (input, ctx) => {
    count += 1;
    await new Promise((resolve) => { ctx.signal.addEventListener("abort", () => { console.log("aborted " + input.mark); resolve(); }); });
  })
  .action("me", { readOnly: true }, () => me)
  .action("safe", { readOnly: true }, hang)
  .action("once", {}, hang)
  .action("count", { readOnly: true }, () => count)
  .action("loop", {}, async (left, _ctx, env) => left === 0 ? "end" : env.BACK.turn(left - 1));
`;
const CALLER = `
import { service } from "narun";
export default service({ name: "caller", version: "1.0.0" })
  .action("ask", {}, async ({ of, action, input, options }, _ctx, env) => {
    try {
      return { value: await env[of][action](input, options) };
    } catch ({ name, code, message }) {
      return { failed: { name, code, message } };
    }
  })
  .action("post", {}, async ({ of, bytes, isStreamed }, _ctx, env) => {
    const json = JSON.stringify("x".repeat(bytes - 2));
    const body = isStreamed ? new Blob([json]).stream() : json;
    const answer = await env[of].fetch("/" + of.toLowerCase() + ".me", { method: "POST", body, duplex: "half" });
    return { status: answer.status, code: (await answer.json()).code };
  })
  .action("turn", {}, (left, _ctx, env) => env.NEAR.loop(left));
`;
const calleeNamed = (name: string) => CALLEE.replace("NAME", name);
const BACK = { bindings: [{ name: "BACK", service: "caller" }] };
const HOSTS = ["NEAR", "FAR"] as const;
const MAX_BYTES = 1_000;
const LIMITS = { limits: { maxBodyBytes: MAX_BYTES } };

let world: World;
/** Calls that took the way by a gateway, by service. */
const byGateway: string[] = [];

beforeAll(async () => {
  world = await startWorld();
  world.connection.subscribe(subjects.invokeAll, ({ subject }) => {
    byGateway.push(subject.slice(subjects.invoke("").length));
  });
  await world.push("near", calleeNamed("near"), { ...BACK, ...LIMITS, scale: { min: 1 } });
  await world.push("far", calleeNamed("far"), { ...BACK, ...LIMITS, trust: "apart", scale: { min: 1 } });
  await world.push("caller", CALLER, {
    bindings: [
      { name: "NEAR", service: "near" },
      { name: "FAR", service: "far" },
    ],
    scale: { min: 1, max: 1, concurrency: 4 },
  });
}, 120_000);
afterAll(() => world?.[Symbol.asyncDispose]());

const ask = async (of: string, action: string, input?: unknown, options?: unknown) =>
  JSON.parse(
    (
      await world.call("/caller.ask", {
        method: "POST",
        body: JSON.stringify({ of, action, input, options }),
      })
    ).text,
  );
/** Resolves when a call goes straight to an instance. */
const isDirect = (of: string) =>
  eventually(
    async () => {
      const before = byGateway.length;
      expect((await ask(of, "who")).value.caller).toBe("caller");
      expect(byGateway.slice(before)).toEqual([]);
    },
    { timeoutMs: 30_000 },
  );

describe.each(HOSTS)("a call to an instance that is %s", (of) => {
  it("goes to the instance itself, with its caller and its deadline", async () => {
    await isDirect(of);
    const { value } = await ask(of, "who", undefined, undefined);
    expect(value.caller).toBe("caller");
    expect(value.leftMs).toBeLessThanOrEqual(30_000);
  });

  it.each(["whole", "streamed"])("has a body of limits.maxBodyBytes at most, %s", async (how) => {
    await isDirect(of);
    const before = byGateway.length;
    const post = async (bytes: number) => {
      const body = JSON.stringify({ of, bytes, isStreamed: how === "streamed" });
      return JSON.parse((await world.call("/caller.post", { method: "POST", body })).text);
    };
    expect(await post(MAX_BYTES)).toEqual({ status: 200 });
    expect(await post(MAX_BYTES + 1)).toEqual({ status: 413, code: "BODY_TOO_LARGE" });
    expect(byGateway.slice(before)).toEqual([]);
  });

  it("is called off with its caller", async () => {
    await isDirect(of);
    expect((await ask(of, "slow", { mark: of }, { timeout: 300 })).failed).toMatchObject({
      name: "TimeoutError",
    });
    await eventually(
      async () => {
        const lines = await world.logs(of.toLowerCase());
        expect(lines.map(({ message }) => message)).toContain(`aborted ${of}`);
      },
      { timeoutMs: 30_000 },
    );
  });
});

it("a call whose host is killed is repeated where it may be, and fails else", async () => {
  await isDirect("FAR");
  const not = (await ask("FAR", "me")).value;
  const safe = ask("FAR", "safe", { not });
  const once = ask("FAR", "once", { not });
  // A call of an earlier test counts, too.
  await eventually(async () => expect((await ask("FAR", "count")).value).toBe(3), { timeoutMs: 30_000 });
  process.kill(await world.hostPid("far"), "SIGKILL");
  expect(await safe).toEqual({ value: "answered" });
  expect(await once).toMatchObject({ failed: { code: "CONSUMER_DIED" } });
  // The repeated one alone has run in the new instance.
  expect((await ask("FAR", "count")).value).toBe(1);
  await isDirect("FAR");
}, 60_000);

it("a hedged call is answered whose host is killed while both its sendings run", async () => {
  await isDirect("FAR");
  const not = (await ask("FAR", "me")).value;
  const countedBefore = (await ask("FAR", "count")).value;
  const hedged = ask("FAR", "safe", { not }, { hedge: 50 });
  await eventually(async () => expect((await ask("FAR", "count")).value).toBe(countedBefore + 2), {
    timeoutMs: 30_000,
  });
  process.kill(await world.hostPid("far"), "SIGKILL");
  expect(await hedged).toEqual({ value: "answered" });
  await isDirect("FAR");
}, 60_000);

it("a loop of calls ends where every place of a service is taken by the calls that wait for it", async () => {
  await isDirect("NEAR");
  // All places of the caller, each three times over.
  const turn = async () => (await world.call("/caller.turn", { method: "POST", body: "3" })).text;
  expect(await Promise.all([turn(), turn(), turn(), turn()])).toEqual(Array(4).fill('"end"'));
}, 60_000);

it("a paused service gets no call, and is woken with its resumption", async () => {
  await isDirect("NEAR");
  await world.push("near", calleeNamed("near"), { ...BACK, scale: { min: 0 } });
  const { pauseService, resumeService } = await import("../../control/index.ts").then((control) => ({
    pauseService: control.pauseService,
    resumeService: control.resumeService,
  }));
  await pauseService(world.connection, "near");
  await eventually(async () => expect(await world.ps("near")).toEqual([]), { timeoutMs: 30_000 });
  const before = byGateway.length;
  const held = ask("NEAR", "who");
  await eventually(() => expect(byGateway.slice(before)).toEqual(["near"]), { timeoutMs: 30_000 });
  await resumeService(world.connection, "near");
  expect((await held).value.caller).toBe("caller");
}, 90_000);
