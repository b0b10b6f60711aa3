/** Secrets in `env`. A function reaches nothing that it does not declare. */
import { execFileSync } from "node:child_process";
import { afterAll, describe, expect, it } from "vitest";
import { generateSecretsKey, openSecrets, parseSecretsKey } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { createProbes, probe } from "../harness/probe.ts";
import { startWorld } from "../harness/world.ts";

const secretsKey = generateSecretsKey();
const world = await startWorld({ secretsKey });
afterAll(() => world[Symbol.asyncDispose]());
const run = createProbes(world);

describe("secrets", () => {
  it("of a node without their key fail a push, which names the node and its option", async () => {
    await using keyless = await startWorld();
    const pushed = keyless.push(
      "fn",
      { "index.ts": "export default () => new Response();" },
      { bindings: [{ name: "A", secret: "api-key" }] },
    );
    await expect(pushed).rejects.toMatchObject({
      code: "TRIAL_FAILED",
      fields: {
        reason: "SECRETS_KEY_MISSING",
        detail: expect.stringMatching(/node node-0 was started without the key/),
      },
    });
  });

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

  /** All values that a KV bucket keeps. */
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
    [{ name: "A", publish: ["_INBOX.>"] }, /narun or NATS itself/],
    [{ name: "A", publish: ["orders.>.x"] }, /at the end/],
    [
      { name: "A" },
      /no binding without one of kv, objects, service, publish, events, ratelimit, workflow, secret/,
    ],
    [{ name: "A", kv: "a", service: "b" }, /kv and service; a binding is one of them/],
    [{ name: "1A", kv: "a" }, /no digit first/],
    [{ name: "A", kvv: "a" }, /unknown key "kvv"; did you mean "kv"\?/],
    [{ name: "PLAIN", kv: "a" }, /PLAIN is env\[0\] already/],
  ])("is refused in narun.yaml: %j", async (binding, message) => {
    const config = { bindings: [binding], env: [{ name: "PLAIN", value: "x" }] };
    await expect(world.push("refused", probe(""), config)).rejects.toThrow(message);
  });
});
