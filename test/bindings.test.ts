/** What a function reaches by its `env`, each through the whole system, and that it reaches nothing else. */
import { execFileSync } from "node:child_process";
import { afterAll, describe, expect, it } from "vitest";
import { generateSecretsKey, openSecrets, parseSecretsKey } from "../nats/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

// Who calls what nobody runs hears of it soon.
const secretsKey = generateSecretsKey();
const world = await startWorld({ secretsKey, gateway: { hold: { holdMs: 1_000 } } });
afterAll(() => world[Symbol.asyncDispose]());

let functions = 0;

/**
 * Pushes a function whose handler is `body`, an async function of `(env, request)`, and calls it: what it returns as JSON.
 * Where it throws: the error's name and message.
 */
async function run(
  body: string,
  bindings: unknown[],
  config: Record<string, unknown> = {},
): Promise<unknown> {
  const name = `probe-${++functions}`;
  await world.push(name, probe(body), { bindings, ...config });
  const answer = await world.call(`/${name}`, { method: "POST", body: "the body" });
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  return JSON.parse(answer.text);
}

const probe = (body: string) => `
  const run = async (env: any, request: Request) => { ${body} };
  export default async (request: Request, env: unknown) => {
    try {
      return Response.json((await run(env, request)) ?? null);
    } catch (error: any) {
      return Response.json({ name: error.name, message: error.message });
    }
  };
`;

describe("kv", () => {
  const bindings = [{ name: "CACHE", kv: "cache" }];

  it("keeps values of every kind", async () => {
    const found = await run(
      `const kv = env.CACHE;
       await kv.put("text", "Grüße");
       await kv.put("json", { a: [1, null] });
       await kv.put("bytes", new Uint8Array([0, 255]));
       await kv.put("stream", new Response("streamed").body);
       await kv.put("empty", "");
       return [
         await kv.get("text"), await kv.get("json", "json"), [...await kv.get("bytes", "bytes")],
         await new Response(await kv.get("stream", "stream")).text(), await kv.get("empty"), await kv.get("missing"),
         (await kv.get("bytes", "arrayBuffer")).byteLength,
       ];`,
      bindings,
    );
    expect(found).toEqual(["Grüße", { a: [1, null] }, [0, 255], "streamed", "", null, 2]);
  });

  it("is shared by all who declare the bucket", async () => {
    await run(`await env.CACHE.put("shared", "by one")`, bindings);
    expect(await run(`return env.OTHER.get("shared")`, [{ name: "OTHER", kv: "cache" }])).toBe("by one");
    expect(await run(`return env.OTHER.get("shared")`, [{ name: "OTHER", kv: "elsewhere" }])).toBeNull();
  });

  it("compares and sets", async () => {
    const found = await run(
      `const kv = env.CACHE;
       const first = await kv.create("cas", "1");
       const again = await kv.create("cas", "x").catch((error) => [error.name, error.message]);
       const second = await kv.put("cas", "2", { ifRevision: first });
       const late = await kv.put("cas", "x", { ifRevision: first }).catch((error) => [error.name, error instanceof Error]);
       const entry = await kv.entry("cas");
       await kv.delete("cas", { ifRevision: first }).catch((error) => late.push(error.name));
       await kv.delete("cas", { ifRevision: second });
       return [again, late, entry.revision === second, entry.text(), entry.createdAt instanceof Date, await kv.get("cas")];`,
      bindings,
    );
    expect(found).toEqual([
      ["KvConflictError", '"cas" is there already'],
      ["KvConflictError", true, "KvConflictError"],
      true,
      "2",
      true,
      null,
    ]);
  });

  it("lists by prefix and page", async () => {
    const found = await run(
      `const kv = env.LIST;
       for (const key of ["a:1", "a:2", "b", "a:3"]) await kv.put(key, "");
       const pages = [];
       let cursor;
       do {
         const page = await kv.list({ prefix: "a:", limit: 2, cursor });
         pages.push(page.keys.map(({ key }) => key));
         cursor = page.cursor;
       } while (cursor !== undefined);
       return pages;`,
      [{ name: "LIST", kv: "list" }],
    );
    expect(found).toEqual([["a:1", "a:2"], ["a:3"]]);
  });

  it("lets a key end after its time", async () => {
    await run(`await env.CACHE.put("short", "x", { ttlSeconds: 1 })`, bindings);
    await world.push("reader", probe(`return env.CACHE.get("short")`), { bindings });
    await eventually(async () => expect((await world.call("/reader")).text).toBe("null"));
  });

  it("is watched, change by change", async () => {
    const found = await run(
      `const kv = env.WATCHED;
       await kv.put("x.before", "1");
       await kv.put("other", "1");
       const seen = [];
       for await (const change of kv.watch({ prefix: "x." })) {
         seen.push([change.type, change.key, change.type === "put" ? change.text() : null]);
         if (seen.length === 1) { await kv.put("x.ä", "2"); await kv.delete("x.before"); }
         if (seen.length === 3) break;
       }
       return seen;`,
      [{ name: "WATCHED", kv: "watched" }],
    );
    expect(found).toEqual([
      ["put", "x.before", "1"],
      ["put", "x.ä", "2"],
      ["delete", "x.before", null],
    ]);
  });

  it("ends a watch that waits, by return or by signal", async () => {
    const found = await run(
      `const watch = env.WATCHED.watch({ prefix: "nothing" });
       const waiting = watch.next();
       await watch.return();
       const controller = new AbortController();
       const other = env.WATCHED.watch({ prefix: "nothing", signal: controller.signal });
       const aborted = other.next();
       controller.abort();
       return [await waiting, await aborted, await other.next()];`,
      [{ name: "WATCHED", kv: "watched" }],
    );
    expect(found).toEqual([{ done: true }, { done: true }, { done: true }]);
  });

  it("does not let a watch that nobody reads fill the memory", async () => {
    const found = await run(
      `const kv = env.BIG;
       const value = new Uint8Array(1024 * 1024);
       const watch = kv.watch();
       await Promise.all([watch.next(), kv.put("first", value)]);
       for (let i = 0; i < 64; i++) await kv.put("key-" + i, value);
       let count = 0;
       for await (const change of watch) if (++count === 64) break;
       return count;`,
      [{ name: "BIG", kv: "big" }],
      { limits: { memoryMb: 32, cpuMs: 5_000 } },
    );
    expect(found).toBe(64);
  });

  it.each([
    [`kv.get("")`, "TypeError", /not empty/],
    [`kv.get("\\ud800")`, "TypeError", /surrogates/],
    [`kv.get("x".repeat(600))`, "RangeError", /512 bytes; this one has 600/],
    [`kv.put("a", new Uint8Array(9_000_000))`, "RangeError", /max_payload.*9000000/],
    [`kv.put("a")`, "TypeError", /stream, or plain data/],
    [`kv.put("a", "b", { ttlSeconds: 0.5 })`, "RangeError", /ttlSeconds/],
    [`kv.put("a", "b", { ifRevision: "1" })`, "RangeError", /ifRevision/],
    [`kv.list({ limit: 5000 })`, "RangeError", /limit is a whole number from 1 to 1000/],
    [`kv.list({ cursor: "next" })`, "TypeError", /cursor/],
  ])("refuses %s", async (call, name, message) => {
    const found = await run(`const kv = env.CACHE; await ${call};`, bindings);
    expect(found).toEqual({ name, message: expect.stringMatching(message) });
  });
});

describe("objects", () => {
  const bindings = [{ name: "FILES", objects: "files" }];

  it("keeps bodies of every kind, with their facts", async () => {
    const found = await run(
      `const files = env.FILES;
       const put = await files.put("docs/a b.txt", "Grüße", { contentType: "text/plain", metadata: { by: "me" } });
       await files.put("blob", new Blob(["{}"], { type: "application/json" }));
       await files.put("empty", "");
       const got = await files.get("docs/a b.txt");
       return [
         put.size, put.sha256.length, got.name, got.contentType, got.metadata, got.modifiedAt instanceof Date, await got.text(),
         (await files.head("blob")).contentType, await (await files.get("blob")).json(),
         (await (await files.get("empty")).arrayBuffer()).byteLength, await files.get("missing"), await files.head("missing"),
       ];`,
      bindings,
    );
    expect(found).toEqual([
      ...[7, 64, "docs/a b.txt", "text/plain", { by: "me" }, true, "Grüße"],
      ...["application/json", {}, 0, null, null],
    ]);
  });

  it("streams both ways what is larger than the function's memory", async () => {
    const found = await run(
      `const MIB = 1024 * 1024;
       let sent = 0;
       const source = new ReadableStream({
         pull(controller) {
           if (sent === 48) return controller.close();
           controller.enqueue(new Uint8Array(MIB).fill(sent++));
         },
       });
       const { size } = await env.FILES.put("large", source);
       let received = 0, isRight = true;
       for await (const chunk of (await env.FILES.get("large")).body) {
         isRight &&= chunk[0] === Math.floor(received / MIB);
         received += chunk.byteLength;
       }
       return [size / MIB, received / MIB, isRight];`,
      bindings,
      { limits: { memoryMb: 32, cpuMs: 5_000 } },
    );
    expect(found).toEqual([48, 48, true]);
  });

  it("keeps what was there where a stream breaks, and tells what broke", async () => {
    const found = await run(
      `await env.FILES.put("kept", "first");
       const breaking = new ReadableStream({
         start(controller) { controller.enqueue(new Uint8Array(300_000)); },
         pull(controller) { controller.error(new Error("no more")); },
       });
       const error = await env.FILES.put("kept", breaking).catch((error) => error);
       return [error.name, error.message.includes("no more"), await (await env.FILES.get("kept")).text()];`,
      bindings,
    );
    expect(found).toEqual(["BindingError", true, "first"]);
  });

  it("lists and deletes", async () => {
    const found = await run(
      `const files = env.LIST;
       for (const name of ["a/1", "a/2", "b"]) await files.put(name, name);
       await files.delete("a/1");
       const { objects, cursor } = await files.list({ prefix: "a/" });
       return [objects.map(({ name, size }) => [name, size]), cursor ?? null];`,
      [{ name: "LIST", objects: "list" }],
    );
    expect(found).toEqual([[["a/2", 3]], null]);
  });

  it("lets go of a stream that it cannot take", async () => {
    const found = await run(
      `let isCancelled = false;
       const stream = new ReadableStream({ pull() {}, cancel() { isCancelled = true; } });
       const error = await env.FILES.put("", stream).catch((error) => error);
       await new Promise((resolve) => setTimeout(resolve));
       return [error.name, isCancelled];`,
      bindings,
    );
    expect(found).toEqual(["TypeError", true]);
  });
});

describe("a service", () => {
  const bindings = [{ name: "USERS", service: "users" }];
  const echo = `
    export default async (request: Request) =>
      Response.json(
        { method: request.method, url: request.url, body: await request.text(), kept: request.headers.get("x-kept") },
        { status: 201, headers: { "x-answer": "yes", "set-cookie": "a=1" } },
      );
  `;

  it("is called with no HTTP in between, and woken for it", async () => {
    await world.push("users", echo);
    const found = await run(
      `const response = await env.USERS.fetch("/users/7?x=%20", { method: "PUT", body: "héllo", headers: { "x-kept": "é" } });
       return [response.status, response.headers.get("x-answer"), response.headers.getSetCookie(), await response.json()];`,
      bindings,
    );
    expect(found).toEqual([
      201,
      "yes",
      ["a=1"],
      { method: "PUT", url: "http://users/users/7?x=%20", body: "héllo", kept: "é" },
    ]);
  });

  it("takes the request that came", async () => {
    const found = await run(`return (await env.USERS.fetch(request)).json()`, bindings);
    expect(found).toMatchObject({
      method: "POST",
      body: "the body",
      url: expect.stringMatching(/\/probe-\d+$/),
    });
  });

  it("gets the request's id and deadline", async () => {
    const facts = `export default (request, env, ctx) => Response.json([ctx.requestId, ctx.deadline]);`;
    await world.push("facts", facts);
    const caller = `
      export default async (request, env, ctx) => {
        const found = await (await env.FACTS.fetch("/")).json();
        return Response.json([found[0] === ctx.requestId, found[1] === ctx.deadline]);
      };
    `;
    await world.push("asks-facts", caller, { bindings: [{ name: "FACTS", service: "facts" }] });
    const answer = await world.call("/asks-facts");
    expect(JSON.parse(answer.text)).toEqual([true, true]);
  });

  it("answers with a problem where the platform cannot", async () => {
    const call = `const response = await env.OTHER.fetch("/");
      return [response.status, response.headers.get("content-type"), (await response.json()).code];`;
    const problem = "application/problem+json";
    const missing = run(call, [{ name: "OTHER", service: "no-such-service" }]);
    await world.push("throws", `export default () => { throw new Error("secret detail"); };`);
    const threw = run(call, [{ name: "OTHER", service: "throws" }]);
    expect(await Promise.all([missing, threw])).toEqual([
      [503, problem, "NO_CONSUMER"],
      [500, problem, "HANDLER_THREW"],
    ]);
  });

  it("that calls itself ends after 16 calls", async () => {
    const source = `
      export default async (request, env) => {
        const response = await env.SELF.fetch("/");
        if (response.status !== 508) return new Response(String(Number(await response.text()) + 1));
        return new Response((await response.json()).code === "SERVICE_LOOP" ? "1" : "wrong");
      };
    `;
    await world.push("loop", source, { bindings: [{ name: "SELF", service: "loop" }] });
    expect(await world.call("/loop")).toMatchObject({ status: 200, text: "17" });
  });

  it("is not waited for any longer once its signal aborts", async () => {
    await world.push("slow", `export default () => new Promise(() => {});`, { limits: { timeoutMs: 1_000 } });
    const found = await run(
      `const controller = new AbortController();
       const call = env.SLOW.fetch("/", { signal: controller.signal });
       setTimeout(() => controller.abort(new Error("enough")), 20);
       await call;`,
      [{ name: "SLOW", service: "slow" }],
    );
    expect(found).toEqual({ name: "Error", message: "enough" });
  });
});

describe("publish", () => {
  const bindings = [{ name: "EVENTS", publish: ["orders.>", "stock.*.changed"] }];

  it("sends messages to the declared subjects", async () => {
    const got: unknown[] = [];
    const subscription = world.connection.subscribe("orders.>", (message) =>
      got.push([message.subject, message.text(), message.headers?.get("X-Kind")]),
    );
    await world.connection.flush();
    await run(
      `await env.EVENTS.publish("orders.new", { id: 7 }, { "X-Kind": "order" }); await env.EVENTS.publish("orders.a.b");`,
      bindings,
    );
    await eventually(() =>
      expect(got).toEqual([
        ["orders.new", '{"id":7}', ["order"]],
        ["orders.a.b", "", undefined],
      ]),
    );
    subscription.unsubscribe();
  });

  it("asks and gets the reply", async () => {
    const subscription = world.connection.subscribe("stock.apple.changed", (message) =>
      message.respond(`${message.text()}!`, new Map([["X-By", ["test"]]])),
    );
    await world.connection.flush();
    const found = await run(
      `const reply = await env.EVENTS.request("stock.apple.changed", "hi");
       return [reply.text(), reply.headers["X-By"]];`,
      bindings,
    );
    expect(found).toEqual(["hi!", "test"]);
    subscription.unsubscribe();
  });

  it.each([
    ["orders", "BindingError"],
    ["stock.changed", "BindingError"],
    ["stock.a.b.changed", "BindingError"],
    ["narun.node.x", "BindingError"],
    ["$JS.API.STREAM.DELETE.KV_app-configs", "BindingError"],
    ["orders.*", "TypeError"],
    ["orders.>", "TypeError"],
    ["orders..x", "TypeError"],
    ["orders.a b", "TypeError"],
  ])("refuses the subject %s", async (subject, name) => {
    const found = await run(`await env.EVENTS.publish(${JSON.stringify(subject)}, "x")`, bindings);
    expect(found).toMatchObject({ name });
  });

  it("refuses headers that are narun's own, and tells when nobody replies", async () => {
    const found = await run(
      `const said = [];
       for (const headers of [{ "Narun-Hops": "0" }, { "a\\nb": "c" }, { "Nats-TTL": "1s" }])
         await env.EVENTS.publish("orders.x", "", headers).catch((error) => said.push(error.name));
       await env.EVENTS.request("orders.nobody").catch((error) => said.push(error.message));
       return said;`,
      bindings,
    );
    expect(found).toEqual(["TypeError", "TypeError", "TypeError", '"orders.nobody": nobody listens']);
  });
});

describe("secrets", () => {
  const set = async (name: string, value: string, storedAs = name) => {
    const sealed = parseSecretsKey(secretsKey)?.seal(name, value) ?? { ciphertext: "", nonce: "" };
    const now = new Date().toISOString();
    const secrets = await openSecrets(world.connection);
    await secrets.put(storedAs, { name, ...sealed, created_at: now, updated_at: now });
  };
  const bound = (secret: string) => ({ bindings: [{ name: "A", secret }] });

  it("are values of env, as they are when the instance starts", async () => {
    await set("api-key", "s3cret ü");
    const env = [{ name: "ALSO", valueFromSecret: "api-key" }];
    const found = await run("return [env.A, env.ALSO]", bound("api-key").bindings, { env });
    expect(found).toEqual(["s3cret ü", "s3cret ü"]);
  });

  it("are nowhere but in the isolate", async () => {
    await set("hidden", "never-to-be-seen");
    await world.push("hides", probe("return env.A.length"), bound("hidden"));
    expect(await world.call("/hides")).toMatchObject({ text: "16" });
    const buckets = ["app-configs", "narun-revisions", "narun-secrets", "node-runner-states"];
    const kept = (await Promise.all(buckets.map(storedTexts))).flat().join("\n");
    const processes = execFileSync("ps", ["axeww", "-o", "args"]).toString();
    expect(kept).toContain("hides");
    expect(kept + processes).not.toContain("never-to-be-seen");
  });

  it("that are missing, or another's, fail the start with their names", async () => {
    await set("one", "value", "another");
    await expect(world.push("lacks", probe(""), bound("not-there"))).rejects.toMatchObject({
      code: "TRIAL_FAILED",
      fields: { reason: "SECRET_MISSING", detail: expect.stringMatching(/env A is the secret "not-there"/) },
    });
    await expect(world.push("moved", probe(""), bound("another"))).rejects.toMatchObject({
      fields: { reason: "SECRET_UNREADABLE" },
    });
  });

  it("keep a function from starting once they are gone, and the log says why", async () => {
    await set("fleeting", "value");
    await world.push("needs", probe("return env.A"), bound("fleeting"));
    await (await openSecrets(world.connection)).delete("fleeting");
    expect(await world.call("/needs")).toMatchObject({ status: 503, code: "FUNCTION_START_FAILED" });
    await eventually(async () => {
      const lines = (await world.logs("needs")).map(({ message }) => message);
      expect(lines.join("\n")).toMatch(/SECRET_MISSING.*env A is the secret "fleeting"/);
    });
  });

  /** All that a KV bucket keeps. */
  async function storedTexts(bucket: string): Promise<string[]> {
    const texts: string[] = [];
    for (let seq = 1; ; ) {
      const subject = `$JS.API.STREAM.MSG.GET.KV_${bucket}`;
      const query = JSON.stringify({ seq, next_by_subj: ">" });
      const reply = await world.connection.request(subject, query, { timeoutMs: 2_000 });
      const { message } = JSON.parse(reply.text()) as { message?: { seq: number; data?: string } };
      if (message === undefined) return texts;
      seq = message.seq + 1;
      texts.push(Buffer.from(message.data ?? "", "base64").toString());
    }
  }
});

describe("what is not declared", () => {
  it("is not in env, nor reached by the objects of what is", async () => {
    const found = await run(
      `const Kv = env.CACHE.constructor, Service = env.USERS.constructor, Publisher = env.EVENTS.constructor;
       const Objects = env.FILES.constructor;
       const tries = [
         () => new Kv("other").get("a"),
         () => new Kv("USERS").get("a"),
         () => new Kv("app-configs").get("a"),
         () => new Kv("__proto__").get("a"),
         () => new Service("CACHE", "hello").fetch("/"),
         () => new Service("hello", "hello").fetch("/"),
         () => new Publisher("CACHE").publish("orders.x", ""),
         () => new Objects("CACHE").head("a"),
         () => new Objects("app-binaries").get("a"),
       ];
       const said = [];
       for (const attempt of tries) said.push(await attempt().then(() => "reached", (error) => error.name));
       return [Object.keys(env).sort(), said];`,
      [
        { name: "CACHE", kv: "cache" },
        { name: "USERS", service: "users" },
        { name: "EVENTS", publish: ["orders.>"] },
        { name: "FILES", objects: "files" },
      ],
      { env: [{ name: "PLAIN", value: "x" }] },
    );
    expect(found).toEqual([["CACHE", "EVENTS", "FILES", "PLAIN", "USERS"], Array(9).fill("BindingError")]);
  });

  it.each([
    [{ name: "A", kv: "app-configs" }, /narun keeps its own things there/],
    [{ name: "A", kv: "narun-secrets" }, /narun keeps its own things there/],
    [{ name: "A", objects: "App-Binaries" }, /narun keeps its own things there/],
    [{ name: "A", kv: "a.b" }, /a bucket has/],
    [{ name: "A", publish: [">"] }, /first token is no wildcard/],
    [{ name: "A", publish: ["*.x"] }, /first token is no wildcard/],
    [{ name: "A", publish: ["$JS.>"] }, /narun or NATS itself/],
    [{ name: "A", publish: ["narun.demand.x"] }, /narun or NATS itself/],
    [{ name: "A", publish: ["logs.>"] }, /narun or NATS itself/],
    [{ name: "A", publish: ["orders.>.x"] }, /at the end/],
    [{ name: "A" }, /no binding without one of kv, objects, service, publish, secret/],
    [{ name: "A", kv: "a", service: "b" }, /kv and service; a binding is one of them/],
    [{ name: "1A", kv: "a" }, /no digit first/],
    [{ name: "A", kvv: "a" }, /unknown key "kvv"; did you mean "kv"\?/],
    [{ name: "PLAIN", kv: "a" }, /PLAIN is env\[0\] already/],
  ])("is refused in narun.yaml: %j", async (binding, message) => {
    const config = { bindings: [binding], env: [{ name: "PLAIN", value: "x" }] };
    await expect(world.push("refused", probe(""), config)).rejects.toThrow(message);
  });
});
