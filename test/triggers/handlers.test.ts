import { pino } from "pino";
import { afterAll, describe, expect, it } from "vitest";
import { decodeTriggerAnswer, type TriggerMessage } from "../../contracts/index.ts";
import { connectNats } from "../../nats/index.ts";
import { createTriggerCalls } from "../../triggers/index.ts";
import { eventually } from "../harness/eventually.ts";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const nats = await connectNats({ url: world.nats.url, name: "triggers" });
afterAll(() => nats.close());
const calls = createTriggerCalls({ nats, log: pino({ level: "silent" }) });
afterAll(() => calls.close());

const SOURCE = `
  export default {
    async scheduled(event, env, ctx) {
      if (event.cron === "@yearly") { event.noRetry(); throw new Error("no cake"); }
      return { cron: event.cron, at: event.scheduledTime, word: env.WORD, id: ctx.requestId };
    },
    async queue(batch) {
      for (const message of batch.messages) {
        if (message.body === "no") message.retry({ delaySeconds: 7 });
        if (message.body === "yes") message.ack();
        if (message.body === "bad") throw new TypeError("bad message");
      }
    },
    async message(msg) {
      if (msg.body === "nothing") return;
      return { subject: msg.subject, text: msg.text(), attempts: msg.attempts, at: msg.timestamp.toISOString() };
    },
  };
`;

const message = (text: string, facts: Partial<TriggerMessage> = {}): TriggerMessage => ({
  ...{ id: "1", subject: "a.b", timestamp: 0, attempts: 1, headers: {}, data: Buffer.from(text) },
  ...facts,
});

describe.each(["isolate", "node"])("the handlers of triggers in mode %s", (mode) => {
  const service = `handlers-${mode}`;
  const config = { mode, env: [{ name: "WORD", value: "tick" }], scale: { idleSeconds: 5 } };

  it("wake a function that sleeps, and answer", async () => {
    await world.push(service, SOURCE, config);
    const outcome = await calls.call({
      service,
      fact: { kind: "scheduled", cron: "*/5 * * * *", scheduledTime: 1_000 },
      isRepeatable: false,
      requestId: "tick-1",
    });
    expect(outcome).toMatchObject({ kind: "answered", status: 200 });
    const { data } = outcome as { data: Uint8Array };
    expect(decodeTriggerAnswer(data)).toMatchObject({
      noRetry: false,
      error: undefined,
      result: { cron: "*/5 * * * *", at: 1_000, word: "tick", id: "tick-1" },
    });
  }, 90_000);

  it("tell the error of a schedule's handler, which is a line of the log", async () => {
    const outcome = await calls.call({
      service,
      fact: { kind: "scheduled", cron: "@yearly", scheduledTime: 1_000 },
      isRepeatable: false,
      requestId: "tick-2",
    });
    expect(outcome).toMatchObject({ kind: "answered", status: 500 });
    const answer = decodeTriggerAnswer((outcome as { data: Uint8Array }).data);
    expect(answer).toMatchObject({ noRetry: true, error: { message: "Error: no cake" } });
    await eventually(async () => {
      const lines = await world.logs(service);
      expect(lines.find(({ request_id }) => request_id === "tick-2")?.message).toContain("no cake");
    });
  });

  it("give a verdict for each message of a batch", async () => {
    const call = async (...texts: string[]) => {
      const outcome = await calls.call({
        service,
        fact: { kind: "queue", queue: "ORDERS", messages: texts.map((text) => message(text)) },
        isRepeatable: false,
      });
      return decodeTriggerAnswer((outcome as { data: Uint8Array }).data, texts.length);
    };
    const [ack, retry] = [{ kind: "ack" }, { kind: "retry", delaySeconds: undefined }];
    expect(await call("yes", "no", "other")).toMatchObject({
      error: undefined,
      verdicts: [ack, { kind: "retry", delaySeconds: 7 }, ack],
    });
    expect(await call("yes", "bad", "other")).toMatchObject({
      error: { message: "TypeError: bad message" },
      verdicts: [ack, retry, retry],
    });
    // Beyond one message of NATS.
    const large = "x".repeat(300_000);
    expect((await call(large, "no", large, large, large))?.verdicts[1]).toEqual({
      kind: "retry",
      delaySeconds: 7,
    });
  });

  it("answer a message with the handler's value", async () => {
    const call = (text: string) =>
      calls.call({
        service,
        fact: { kind: "message", wantsReply: true, message: message(text) },
        isRepeatable: false,
      });
    const outcome = await call("hello");
    expect(outcome).toMatchObject({ kind: "answered", status: 200 });
    expect(JSON.parse(Buffer.from((outcome as { data: Uint8Array }).data).toString())).toEqual({
      ...{ subject: "a.b", text: "hello", attempts: 1, at: "1970-01-01T00:00:00.000Z" },
    });
    expect(await call("nothing")).toMatchObject({ kind: "answered", status: 204 });
  });

  it("make a function without fetch valid: HTTP is told so", async () => {
    expect(await world.call(`/${service}`)).toMatchObject({ status: 404, code: "NO_SUCH_HANDLER" });
    const workflow = { kind: "workflow", head: {}, data: new Uint8Array() } as const;
    expect(await calls.call({ service, fact: workflow, isRepeatable: false })).toMatchObject({
      kind: "failed",
      code: "NO_SUCH_HANDLER",
    });
  });

  it("cannot be reached by clients of HTTP and of the service's subject", async () => {
    const headers = { "Narun-Trigger": "scheduled" };
    expect(await world.call(`/${service}`, { headers })).toMatchObject({ code: "NO_SUCH_HANDLER" });
  });
});

describe("a program", () => {
  it("is woken by a trigger, and gets it as a request: POST /.narun/<kind>, the line of JSON, the messages", async () => {
    const program = { "server.mjs": programSource() };
    await world.push("triggered", program, { mode: "exec", command: "server.mjs" });
    const facts = [
      { kind: "scheduled", cron: "@hourly", scheduledTime: 1_000 },
      { kind: "queue", queue: "ORDERS", messages: [message("one"), message("two")] },
      { kind: "message", wantsReply: true, message: message("hello") },
    ] as const;
    for (const fact of facts) {
      const outcome = await calls.call({ service: "triggered", fact, isRepeatable: false });
      expect(outcome).toMatchObject({ kind: "answered", status: 200 });
      const seen = JSON.parse(Buffer.from((outcome as { data: Uint8Array }).data).toString());
      expect(seen).toMatchObject({ method: "POST", path: `/.narun/${fact.kind}` });
      const [head, ...rest] = seen.body.split("\n");
      if (fact.kind === "scheduled") expect(JSON.parse(head)).toMatchObject({ cron: "@hourly" });
      else expect(JSON.parse(head).messages).toHaveLength(fact.kind === "queue" ? 2 : 1);
      expect(rest.join("\n")).toBe({ scheduled: "", queue: "onetwo", message: "hello" }[fact.kind]);
    }
  });
});

describe("narun.yaml", () => {
  it("names a trigger whose handler the module lacks: the push says so", async () => {
    const pushed = world.push("no-tick", `export default () => new Response("ok");`, {
      schedule: "*/5 * * * *",
    });
    await expect(pushed).rejects.toThrow(/schedule.*"scheduled"/s);
  });
});
