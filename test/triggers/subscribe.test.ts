import { afterAll, describe, expect, it } from "vitest";
import { headerNames } from "../../contracts/index.ts";
import { createHeaders, headerValue, type Message, NoReplyError } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const world = await startWorld({ nodes: 2 });
afterAll(() => world[Symbol.asyncDispose]());
const { connection } = world;

const SOURCE = `export default {
  async message(msg, env) {
    const value = msg.body;
    if (value === "fail") throw new Error("not this one");
    if (msg.subject.endsWith("told")) return;
    await env.OUT.publish("seen." + msg.subject, msg.text() + "|" + (msg.headers["X-Tag"] ?? ""));
    return value === "text" ? "a text" : { got: value };
  },
};`;
const bindings = [{ name: "OUT", publish: ["seen.>"] }];

const ask = (subject: string, data: string) =>
  eventually(() => connection.request(subject, data, { timeoutMs: 10_000 }));

describe.each(["isolate", "node"])("subscribe, in mode %s", (mode) => {
  const first = `events-${mode}`;

  it("wakes a function for each message of its subjects, once in the cluster", async () => {
    const seen: string[] = [];
    const listening = connection.subscribe(`seen.${first}.>`, (message: Message) =>
      seen.push(`${message.subject} ${message.text()}`),
    );
    await world.push(`listener-${mode}`, SOURCE, {
      ...{ mode, bindings, subscribe: [`${first}.*.made`, { subject: `${first}.other`, queue: "workers" }] },
    });
    const reply = await ask(`${first}.cake.made`, '{"id":1}');
    expect(JSON.parse(reply.text())).toEqual({ got: { id: 1 } });
    expect(headerValue(reply.headers, "Content-Type")).toBe("application/json");
    for (let at = 0; at < 20; at++)
      connection.publish(`${first}.other`, String(at), createHeaders([["X-Tag", "t"]]));
    connection.publish(`${first}.made`, "no subject of it");
    await eventually(() => expect(seen).toHaveLength(21));
    expect(new Set(seen).size).toBe(21);
    expect(seen).toContain(`seen.${first}.other 7|t`);
    listening.unsubscribe();
  });

  it("replies with the handler's value, an error, or not at all", async () => {
    const text = await ask(`${first}.text.made`, "text");
    expect([text.text(), headerValue(text.headers, headerNames.responseStatus)]).toEqual(["a text", "200"]);
    const failed = await ask(`${first}.x.made`, "fail");
    expect(headerValue(failed.headers, headerNames.serviceErrorCode)).toBe("500");
    expect(JSON.parse(failed.text())).toMatchObject({ code: "HANDLER_THREW" });
    await world.push(`told-${mode}`, SOURCE, { mode, bindings, subscribe: `${first}-told` });
    await eventually(async () => {
      const asked = connection.request(`${first}-told`, "", { timeoutMs: 300 });
      await expect(asked).rejects.toMatchObject({ reason: "timeout" });
    });
  });

  it("ends with the function's subject", async () => {
    await world.push(`listener-${mode}`, SOURCE, { mode, bindings, subscribe: `${first}.new` });
    expect(JSON.parse((await ask(`${first}.new`, "1")).text())).toEqual({ got: 1 });
    await eventually(async () => {
      const asked = connection.request(`${first}.other`, "", { timeoutMs: 2_000 });
      await expect(asked).rejects.toThrow(NoReplyError);
    });
  });
});

describe("an overload", () => {
  it("drops what is beyond the bounds, counts it, and tells senders that wait", async () => {
    const slow = `export default { message: () => new Promise((done) => setTimeout(done, 3_000)) };`;
    await world.push("slow", slow, {
      ...{ subscribe: "slow.in", scale: { concurrency: 1 }, limits: { timeoutMs: 4_000 } },
    });
    await eventually(async () => {
      const asked = connection.request("slow.in", "", { timeoutMs: 200 });
      await expect(asked).rejects.toMatchObject({ reason: "timeout" });
    });
    const codes: string[] = [];
    const inbox = connection.subscribe("slow.answers", (message) =>
      codes.push(headerValue(message.headers, headerNames.serviceErrorCode) ?? ""),
    );
    for (let at = 0; at < 2_500; at++)
      connection.connection.publish("slow.in", "", { reply: "slow.answers" });
    await eventually(() => expect(codes.filter((code) => code === "429").length).toBeGreaterThan(400));
    inbox.unsubscribe();
  });
});
