/** Workflows that wait: for time, events and people. A waiting workflow needs no instance. */
import { afterAll, describe, expect, it } from "vitest";
import { Journals } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const post = (body?: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  headers: { "content-type": "application/json", ...headers },
});
const json = async (path: string, init?: RequestInit) => JSON.parse((await world.call(path, init)).text);
const stateOf = (path: string, state: string) =>
  eventually(async () => expect(await json(path)).toMatchObject({ state }));

const source = `import { NonRetryableError, timedOut, workflow } from "narun";
let instance = Math.random();
export default workflow(async (ctx, input, env) => {
  const say = (text) => ctx.step("say " + text, () => { env.OUT.publish("test.said." + ctx.id, text); return text; });
  switch (input.kind) {
    case "sleep": {
      const before = ctx.now();
      await ctx.sleep(300);
      await ctx.sleep("200 ms");
      return ctx.now() - before >= 500;
    }
    case "wait": {
      const first = await ctx.waitFor("go", { timeout: "1 day" });
      const second = await ctx.waitFor("go");
      return [first, second];
    }
    case "late":
      return (await ctx.waitFor("never", { timeout: 200 })) === timedOut ? "timed out" : "came";
    case "race": {
      const winner = await Promise.race([ctx.waitFor("x"), ctx.sleep("1 hour").then(() => "slept")]);
      return winner;
    }
    case "retry": {
      let n = 0;
      return ctx.step("flaky", { retry: { max: 3, delay: 100 } }, ({ attempt }) => {
        if (attempt < 3) throw new Error("attempt " + attempt);
        return "attempt " + attempt;
      });
    }
    case "give up":
      try {
        await ctx.step("hopeless", () => { throw new NonRetryableError("no"); });
      } catch (error) {
        return error.name + ": " + error.message;
      }
    case "rollback": {
      ctx.onRollback("undo a", () => { env.OUT.publish("test.said." + ctx.id, "undo a"); });
      await say("a");
      ctx.onRollback("undo b", () => { env.OUT.publish("test.said." + ctx.id, "undo b"); });
      await say("b");
      if (input.fails) throw new Error("after b");
      await ctx.waitFor("never");
    }
    case "parallel":
      return Promise.all([1, 2, 3, 4].map((n) => ctx.step("square", () => n * n)));
    case "child":
      return await ctx.child("waits", { kind: "parallel" });
    case "failing child":
      try { await ctx.child("waits", { kind: "rollback", fails: true }); } catch (error) { return error.message; }
    case "again":
      if (input.n < 3) ctx.continueAsNew({ kind: "again", n: input.n + 1 });
      return [input.n, await ctx.waitFor("kept")];
    case "bad":
      return ctx.step("bad", () => ({ list: [1, { at: 10n }] }));
    case "query": {
      let seen = [];
      ctx.query("seen", () => seen);
      seen.push(await ctx.waitFor("item"));
      seen.push(await ctx.waitFor("item"));
      return seen;
    }
    case "now":
      return [Date.now() === ctx.now(), new Date().getTime() === ctx.now(), typeof crypto.randomUUID(), Math.random() < 1];
    case "timer":
      setTimeout(() => {}, 1);
  }
});`;
await world.push("waits", source, {
  workflow: true,
  scale: { idleSeconds: 1 },
  bindings: [{ name: "OUT", publish: ["test.>"] }],
});

const run = async (id: string, input: object) => {
  await world.call(`/waits/${id}`, post(input));
  return world.call(`/waits/${id}/result?wait=20`);
};

describe("a workflow that waits", () => {
  it("sleeps, and goes on at the time", async () => {
    expect(await run("sleep", { kind: "sleep" })).toMatchObject({ status: 200, text: "true" });
  });

  it("takes events in their order, also such as came before, once for an id", async () => {
    await world.call("/waits/wait", post({ kind: "wait" }));
    await world.call("/waits/wait/signals/go", post(1, { "idempotency-key": "one" }));
    await world.call("/waits/wait/signals/go", post(1, { "idempotency-key": "one" }));
    await stateOf("/waits/wait", "waiting");
    await world.call("/waits/wait/signals/go", post(2));
    expect((await world.call("/waits/wait/result?wait=20")).text).toBe("[1,2]");
    expect(await world.call("/waits/wait/signals/go", post(3))).toMatchObject({
      status: 409,
      code: "WORKFLOW_ENDED",
    });
    expect(await world.call("/waits/nowhere/signals/go", post(3))).toMatchObject({
      status: 404,
      code: "WORKFLOW_NOT_FOUND",
    });
  });

  it("gives up waiting when its time is over, and races waits", async () => {
    expect((await run("late", { kind: "late" })).text).toBe('"timed out"');
    await world.call("/waits/race", post({ kind: "race" }));
    await stateOf("/waits/race", "waiting");
    await world.call("/waits/race/signals/x", post("first"));
    expect((await world.call("/waits/race/result?wait=20")).text).toBe('"first"');
  });

  it("wakes its function, which has no instance", async () => {
    await world.call("/waits/asleep", post({ kind: "wait" }));
    await world.call("/waits/asleep/signals/go", post("a"));
    await stateOf("/waits/asleep", "waiting");
    const gone = world.announcements("waits").filter(({ state }) => state === "gone").length;
    await world.announced("waits", "gone", gone + 1);
    await world.call("/waits/asleep/signals/go", post("b"));
    expect((await world.call("/waits/asleep/result?wait=20")).text).toBe('["a","b"]');
  });
});

describe("a request of a workflow", () => {
  const form = (body: string) => ({
    method: "POST",
    body,
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });

  it("takes JSON also where its type says a form, as that of `curl -d`", async () => {
    await world.call("/waits/form", form('{"kind":"wait"}'));
    await world.call("/waits/form/signals/go", form("true"));
    await world.call("/waits/form/signals/go", form("a=1"));
    expect((await world.call("/waits/form/result?wait=20")).text).toBe('[true,"a=1"]');
  });

  it("is refused by name", async () => {
    const refusals = [
      ["/waits/%ZZ", {}, 400, "WORKFLOW_ID_INVALID"],
      ["/waits/form", { method: "DELETE" }, 405, "METHOD_NOT_ALLOWED"],
      ["/waits/form/cancel", {}, 405, "METHOD_NOT_ALLOWED"],
      ["/waits/form/result/more", {}, 404, "NOT_FOUND"],
      ["/waits/bad-json", { ...post(), body: "{" }, 400, "BAD_REQUEST"],
    ] as const;
    for (const [path, init, status, code] of refusals) {
      const { text, ...answer } = await world.call(path, init);
      expect({ path, ...answer }).toMatchObject({ path, status, code });
      expect(JSON.parse(text)).toMatchObject({ type: `urn:narun:error:${code}` });
    }
  });
});

describe("steps", () => {
  it("are tried again after a pause, and give up at once where that makes no sense", async () => {
    expect((await run("retry", { kind: "retry" })).text).toBe('"attempt 3"');
    expect((await run("give-up", { kind: "give up" })).text).toBe(
      '"StepFailed: step \\"hopeless\\" failed: NonRetryableError: no"',
    );
  });

  it("run in parallel", async () => {
    expect((await run("parallel", { kind: "parallel" })).text).toBe("[1,4,9,16]");
  });

  it("name the path of a value that no journal can keep", async () => {
    const answer = await run("bad", { kind: "bad" });
    expect(answer).toMatchObject({ status: 500, code: "WORKFLOW_FAILED" });
    expect(answer.detail).toContain("$.list[1].at is a bigint");
  });
});

describe("a workflow that does not end well", () => {
  const said: string[] = [];
  world.connection.subscribe("test.said.*", (message) => {
    said.push(`${message.subject.split(".").at(-1)}: ${message.text()}`);
  });

  it("is rolled back, the newest first", async () => {
    expect(await run("failed", { kind: "rollback", fails: true })).toMatchObject({
      status: 500,
      detail: "after b",
    });
    await eventually(() =>
      expect(said.filter((one) => one.startsWith("failed"))).toEqual([
        "failed: a",
        "failed: b",
        "failed: undo b",
        "failed: undo a",
      ]),
    );
  });

  it("is rolled back when it is cancelled", async () => {
    await world.call("/waits/cancelled", post({ kind: "rollback" }));
    await stateOf("/waits/cancelled", "waiting");
    await world.call("/waits/cancelled/cancel", post());
    expect(await world.call("/waits/cancelled/result?wait=20")).toMatchObject({
      status: 409,
      code: "WORKFLOW_CANCELLED",
    });
    await eventually(() =>
      expect(said.filter((one) => one.startsWith("cancelled: undo"))).toEqual([
        "cancelled: undo b",
        "cancelled: undo a",
      ]),
    );
  });

  it("is paused, and resumed", async () => {
    await world.call("/waits/paused", post({ kind: "wait" }));
    await stateOf("/waits/paused", "waiting");
    await world.call("/waits/paused/pause", post());
    await stateOf("/waits/paused", "paused");
    await world.call("/waits/paused/signals/go", post(1));
    await world.call("/waits/paused/signals/go", post(2));
    await world.call("/waits/paused/resume", post());
    expect((await world.call("/waits/paused/result?wait=20")).text).toBe("[1,2]");
  });
});

describe("children and runs", () => {
  it("a child's result is its parent's, and so is its failure", async () => {
    expect((await run("parent", { kind: "child" })).text).toBe("[1,4,9,16]");
    expect((await run("parent-2", { kind: "failing child" })).text).toContain("after b");
  });

  it("a workflow continues as a new one, with the events that it did not take", async () => {
    await world.call("/waits/again", post({ kind: "again", n: 0 }));
    await world.call("/waits/again/signals/kept", post("event"));
    expect((await world.call("/waits/again/result?wait=20")).text).toBe('[3,"event"]');
  });

  it("answers queries without a record", async () => {
    await world.call("/waits/query", post({ kind: "query" }));
    await world.call("/waits/query/signals/item", post("one"));
    await eventually(async () => expect(await json("/waits/query/queries/seen")).toEqual(["one"]));
    expect(await world.call("/waits/query/queries/none")).toMatchObject({
      status: 404,
      code: "WORKFLOW_QUERY_UNKNOWN",
    });
  });
});

describe("the code of a workflow", () => {
  it("sees the time of its turn", async () => {
    expect((await run("now", { kind: "now" })).text).toBe('[true,true,"string",true]');
  });

  it("may not set timers of its own", async () => {
    expect(await run("timer", { kind: "timer" })).toMatchObject({
      status: 500,
      detail: expect.stringContaining("use ctx.sleep"),
    });
  });

  const code = (name: string) => `import { workflow } from "narun";
    export default workflow(async (ctx) => {
      const one = await ctx.step("${name}", () => "${name}");
      return [one, await ctx.waitFor("go"), await ctx.step("second", () => "${name}")];
    });`;

  it("stays at the revision that a workflow began with, while a new one is live", async () => {
    await world.push("kept", code("charge"), { workflow: true });
    await world.call("/kept/a", post());
    await stateOf("/kept/a", "waiting");
    await world.push("kept", code("pay"), { workflow: true });
    await world.call("/kept/b", post());
    for (const id of ["a", "b"]) await world.call(`/kept/${id}/signals/go`, post(2));
    expect((await world.call("/kept/a/result?wait=20")).text).toBe('["charge",2,"charge"]');
    expect((await world.call("/kept/b/result?wait=20")).text).toBe('["pay",2,"pay"]');
  });

  it("that does not fit a journal stops, and names both commands", async () => {
    await world.push("moved", code("charge"), { workflow: true });
    await world.call("/moved/a", post());
    await stateOf("/moved/a", "waiting");
    const { revision } = await world.push("moved", code("pay"), { workflow: true });
    const journals = new Journals(world.connection);
    await journals.send({ workflow: "moved", id: "a" }, { t: "migrate", id: "1", revision });
    await stateOf("/moved/a", "stuck");
    const { error } = await json("/moved/a");
    expect(error).toMatchObject({ code: "WORKFLOW_DIVERGED" });
    expect(error.message).toContain('the journal has step "charge", and the code did step "pay"');
    await world.call("/moved/a/signals/go", post(2));
    await world.call("/moved/a/retry", post());
    expect((await world.call("/moved/a/result?wait=20")).text).toBe('["charge",2,"charge"]');
  });
});

describe("a binding of workflows", () => {
  it("starts them, sends them events, and has their results", async () => {
    const caller = `export default async (request, { WAITS }) => {
      const { id } = await WAITS.start("bound", { kind: "wait" });
      const again = await WAITS.start("bound", { kind: "wait" });
      await WAITS.signal(id, "go", 1, { signalId: "a" });
      await WAITS.signal(id, "go", 1, { signalId: "a" });
      await WAITS.signal(id, "go", 2);
      const result = await WAITS.result(id);
      await WAITS.signal(id, "go", 1, { signalId: "a" });
      const late = await WAITS.signal(id, "go", 3).catch(({ name }) => name);
      return Response.json([again.isNew, result, (await WAITS.status(id)).state, late, await WAITS.status("none")]);
    }`;
    await world.push("caller", caller, { bindings: [{ name: "WAITS", workflow: "waits" }] });
    expect(JSON.parse((await world.call("/caller")).text)).toEqual([
      false,
      [1, 2],
      "done",
      "WorkflowEnded",
      null,
    ]);
    const repeated = { method: "POST", headers: { "idempotency-key": "a" } };
    expect((await world.call("/waits/bound/signals/go", repeated)).status).toBe(202);
    const another = { method: "POST", headers: { "idempotency-key": "b" } };
    expect((await world.call("/waits/bound/signals/go", another)).code).toBe("WORKFLOW_ENDED");
  });
});

describe("a workflow in Node", () => {
  it("runs as in an isolate", async () => {
    const code = `import { workflow } from "narun";
      export default workflow(async (ctx) => {
        const one = await ctx.step("one", () => 1);
        await ctx.sleep(100);
        return [one, await ctx.waitFor("go"), Date.now() === ctx.now()];
      });`;
    await world.push("noded", code, { workflow: true, mode: "node" });
    await world.call("/noded/a", post());
    await stateOf("/noded/a", "waiting");
    await world.call("/noded/a/signals/go", post(2));
    expect((await world.call("/noded/a/result?wait=20")).text).toBe("[1,2,true]");
  });
});
