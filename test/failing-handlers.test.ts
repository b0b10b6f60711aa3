import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());
// The neighbour has the same trust group, so it runs in the same process as the failing functions.
await world.push("neighbour", `export default () => new Response("well");`);

const neighbourIsWell = async () =>
  expect(await world.call("/neighbour")).toMatchObject({ status: 200, text: "well" });

/** Resolves when a line of the function's log matches, with that line's text. */
const logged = (name: string, pattern: RegExp) =>
  eventually(async () => {
    const lines = await world.logs(name);
    const line = lines.find(({ message }) => pattern.test(message));
    if (line === undefined)
      throw new Error(`not in the log: ${lines.map(({ message }) => message).join("; ")}`);
    return line;
  });

const failures = [
  {
    name: "throws",
    source: `
      function inner(): never {
        throw new TypeError("a secret detail");
      }
      export default () => inner();
    `,
    code: "HANDLER_THREW",
    status: 500,
    log: /^TypeError: a secret detail\n\s+at .*\(index\.ts:3:15\)\n\s+at .*\(index\.ts:5:28\)$/,
  },
  {
    name: "rejects",
    source: `
      export default async () => {
        await null;
        throw new Error("a secret detail", { cause: new Error("the reason") });
      };
    `,
    code: "HANDLER_THREW",
    status: 500,
    log: /^Error: a secret detail\n\s+at .*index\.ts:4:15[\s\S]*Caused by: Error: the reason/,
  },
  {
    name: "throws-no-error",
    source: `export default () => { throw "a secret detail"; };`,
    code: "HANDLER_THREW",
    status: 500,
    log: /^Uncaught "a secret detail"/,
  },
  {
    name: "returns-text",
    source: `export default () => "a secret detail";`,
    code: "HANDLER_RETURNED_NO_RESPONSE",
    status: 500,
    log: /^HANDLER_RETURNED_NO_RESPONSE: it returned a string/,
  },
  {
    name: "returns-nothing",
    source: `export default async () => {};`,
    code: "HANDLER_RETURNED_NO_RESPONSE",
    status: 500,
    log: /^HANDLER_RETURNED_NO_RESPONSE: it returned undefined/,
  },
];

describe("a handler that fails", () => {
  it.each(failures)("$name: $status $code, and the log has the reason", async (failure) => {
    const { name, source, code, status, log } = failure;
    await world.push(name, source);
    const answer = await world.call(`/${name}`);
    expect(answer).toMatchObject({ status, code });
    expect(answer.text).not.toMatch(/secret|index\.ts|bundle|\bat\b/);
    expect(answer.detail).toMatch(new RegExp(`^Function ${name}\\. .*\`narun logs ${name}\``));
    const line = await logged(name, log);
    expect(line).toMatchObject({
      app_name: name,
      node_id: "node-0",
      stream: "stderr",
      level: "error",
      request_id: answer.headers.get("x-request-id"),
    });
    await neighbourIsWell();
    // The request failed, not the instance.
    expect(await world.call(`/${name}`)).toMatchObject({ status, code });
    expect(world.announcements(name).filter(({ state }) => state === "starting")).toHaveLength(1);
  });

  it("answers, and leaves a rejection that nobody handles: it is answered, and the log says so", async () => {
    await world.push(
      "leaves",
      `let n = 0;
       export default () => {
         Promise.reject(new Error("left " + ++n));
         return new Response("answer " + n);
       };`,
    );
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.call("/leaves")));
    expect(answers.map(({ text }) => text).sort()).toEqual(
      Array.from({ length: 20 }, (_, at) => `answer ${at + 1}`).sort(),
    );
    const ids = answers.map(({ headers }) => headers.get("x-request-id"));
    await eventually(async () => {
      const lines = (await world.logs("leaves")).filter(({ message }) => message.includes("Error: left "));
      expect(lines.map(({ request_id }) => request_id).sort()).toEqual(ids.sort());
    });
  });

  it("leaves rejections after many good answers: the log names their requests", async () => {
    await world.push(
      "leaves-late",
      `export default (request: Request) => {
         if (request.method === "POST") Promise.reject(new Error("left late"));
         return new Response("answer");
       };`,
    );
    const callMany = async (count: number, method: string) => {
      const calls = Array.from({ length: count }, () => world.call("/leaves-late", { method }));
      return (await Promise.all(calls)).map(({ headers }) => headers.get("x-request-id") ?? "none");
    };
    const left = async () =>
      (await world.logs("leaves-late")).filter(({ message }) => message.includes("Error: left late"));
    await callMany(64, "GET");
    const first = await callMany(10, "POST");
    await eventually(async () => expect(await left()).not.toEqual([]));
    for (const { message, request_id } of await left())
      expect(first.some((id) => id === request_id || message.includes(id))).toBe(true);
    const later = await callMany(10, "POST");
    await eventually(async () => {
      const ids = (await left()).map(({ request_id }) => request_id);
      expect(ids.filter((id) => id && later.includes(id)).sort()).toEqual(later.sort());
    });
  });

  it("never answers: 504 at the deadline, while others are answered", async () => {
    const source = `
      export default (request: Request) =>
        request.url.endsWith("/hang") ? new Promise(() => {}) : new Response("answered");
    `;
    await world.push("hangs", source, { limits: { timeoutMs: 500 } });
    const hanging = world.call("/hangs/hang");
    expect(await world.call("/hangs/else")).toMatchObject({ status: 200, text: "answered" });
    await neighbourIsWell();
    expect(await hanging).toMatchObject({
      status: 504,
      code: "DEADLINE_EXCEEDED",
      detail:
        "Function hangs, limits.timeoutMs 500 ms. Answer sooner, or raise `limits.timeoutMs` in narun.yaml. Details are in `narun logs hangs`.",
    });
    await logged("hangs", /^DEADLINE_EXCEEDED: no answer within \d+ ms \(limits\.timeoutMs is 500 ms[,)]/);
    expect(await world.call("/hangs/else")).toMatchObject({ status: 200, text: "answered" });
  });
});

describe("a response with more header fields than one may have", () => {
  it("is refused whole, and the log says the size", async () => {
    const source = `export default () => new Response("x", { headers: { "x-big": "a".repeat(300_000) } });`;
    await world.push("big-headers", source);
    expect(await world.call("/big-headers")).toMatchObject({ status: 502, code: "RESPONSE_TOO_LARGE" });
    await logged("big-headers", /^RESPONSE_TOO_LARGE: header fields of 3000\d\d bytes/);
  });
});

describe("what a function prints", () => {
  it("names the author's places, where it prints a stack", async () => {
    const source = `
      export default () => {
        console.error(new Error("printed"));
        return new Response("ok");
      };
    `;
    await world.push("prints-a-stack", source);
    await world.call("/prints-a-stack");
    const { message } = await logged("prints-a-stack", /^Error: printed/);
    expect(message).toMatch(/index\.ts:3:\d+/);
    expect(message).not.toContain("narun:");
  });

  it.each([
    ["with-own-properties", "console.error(Object.assign(new Error('printed'), { code: 'E_X' }))"],
    ["within-a-value", "console.error({ error: new Error('printed'), n: 1 })"],
    ["with-a-cause", "console.error(new Error('outer', { cause: new Error('printed') }))"],
    [
      "as-one-of-many",
      "console.error(new AggregateError([new Error('printed'), new Error('other')], 'all'))",
    ],
    ["in-a-group", "console.group(); console.error(new Error('printed'))"],
    ["in-a-table", "console.table([{ error: new Error('printed') }])"],
    ["as-a-text", "console.error('it failed: ' + new Error('printed').stack)"],
    ["as-json", "console.error(JSON.stringify({ stack: new Error('printed').stack, n: 1 }))"],
    ["as-a-property", "console.error({ stack: new Error('printed').stack, n: 1 })"],
    ["of-a-trace", "console.trace('printed')"],
    ["of-the-platform", "try { new URL('printed') } catch (error) { console.error('printed', error) }"],
    ["of-an-abort", "console.error(AbortSignal.abort(), 'printed')"],
    ["of-a-rejection", "Promise.reject(new Error('printed'))"],
    ["of-a-timer", "setTimeout(() => { throw new Error('printed') })"],
    [
      "of-a-listener",
      "const t = new EventTarget(); t.addEventListener('x', () => { throw new Error('printed') }); t.dispatchEvent(new Event('x'))",
    ],
    ["of-reported", "reportError(new Error('outer', { cause: new Error('printed') }))"],
    ["of-background-work", "ctx.waitUntil(Promise.reject(new Error('printed')))"],
    ["of-a-body", "return new Response(new ReadableStream({ pull() { throw new Error('printed') } }))"],
    ["thrown", "throw new Error('outer', { cause: new AggregateError([new Error('printed')]) })"],
  ])("names nothing but the author's places in an error %s", async (name, code) => {
    await world.push(name, `export default (request, env, ctx) => { ${code}; return new Response("ok"); };`);
    await world.call(`/${name}`).catch(() => undefined);
    const { message } = await logged(name, /printed/);
    expect(message).toMatch(/index\.ts:1:\d+/);
    expect(message).not.toContain("narun:");
  });

  it("is in its log, with level and request", async () => {
    const source = `
      console.log("at the top", { a: [1] });
      export default () => {
        console.warn("in a request");
        return new Response("ok");
      };
    `;
    const { revision } = await world.push("chatty", source);
    const answer = await world.call("/chatty");
    expect(await logged("chatty", /^at the top/)).toMatchObject({
      stream: "stdout",
      level: "info",
      revision,
    });
    expect(await logged("chatty", /^in a request$/)).toMatchObject({
      stream: "stderr",
      level: "warn",
      request_id: answer.headers.get("x-request-id"),
    });
  });
});
