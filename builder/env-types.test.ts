import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { buildFunction } from "./build.ts";
import { writeEnvTypes } from "./env-types.ts";
import { loadFunction } from "./function-folder.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

const CONFIG = `
name: shop
env:
  - { name: GREETING, value: Hello }
  - { name: TOKEN, valueFromSecret: api-token }
bindings:
  - { name: CACHE, kv: cache }
  - { name: FILES, objects: files }
  - { name: USERS, service: users }
  - { name: EVENTS, publish: ["orders.>", "stock.*.changed", "done"] }
  - { name: FACTS, events: { publish: ["orders.*.paid"], hear: ["stock.>"] } }
  - { name: LIMIT, ratelimit: { limit: 10, periodSeconds: 60 } }
  - { name: ORDERS, workflow: orders }
  - { name: KEY, secret: api-key }
`;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "narun-test-types-"));
  folders.push(folder);
  file = join(folder, "narun-env.d.ts");
  await writeFile(join(folder, "narun.yaml"), CONFIG);
  await writeFile(join(folder, "index.ts"), "export default () => new Response();\n");
});

const write = async (options = {}) => writeEnvTypes(await loadFunction(folder), options);

describe("the types of env", () => {
  it("are written once, and again where narun.yaml has changed", async () => {
    expect(await write()).toMatchObject({ changed: true });
    const past = new Date(0);
    await utimes(file, past, past);
    expect(await write()).toMatchObject({ changed: false });
    expect((await stat(file)).mtimeMs).toBe(0);
    await writeFile(join(folder, "narun.yaml"), "name: shop\n");
    expect(await write({ check: true })).toMatchObject({ changed: true });
    expect((await stat(file)).mtimeMs).toBe(0);
    expect(await write()).toMatchObject({ changed: true });
    expect(await readFile(file, "utf8")).toMatch(/interface Env \{\n\}/);
  });

  it("are kept true by a build, where there are any", async () => {
    await buildFunction(folder);
    await expect(stat(file)).rejects.toMatchObject({ code: "ENOENT" });
    await writeFile(file, "");
    await buildFunction(folder);
    expect(await write()).toMatchObject({ changed: false });
  });

  it("say what a handler may do, and what not", async () => {
    await write();
    await writeFile(
      join(folder, "index.ts"),
      `import type { Handler, KvBucket, ObjectInfo } from "narun";
       import type { Env } from "./narun-env.d.ts";
       const handler: Handler<Env> = async (request, env, context) => {
         const text: string = env.GREETING + env.TOKEN + env.KEY;
         const cached: string | null = await env.CACHE.get("a");
         const parsed = await env.CACHE.get<{ id: number }>("a", "json");
         const id: number | undefined = parsed?.id;
         const revision: number = await env.CACHE.put("a", { id }, { ttlSeconds: 60, ifRevision: 0 });
         for await (const change of env.CACHE.watch({ prefix: "a", signal: new AbortController().signal })) {
           if (change.type === "put") change.text();
           // @ts-expect-error A deleted key has no value.
           else change.text();
         }
         const stored = await env.FILES.get("x");
         if (stored !== null) return new Response(stored.body, { headers: { etag: stored.sha256 } });
         const info: ObjectInfo = await env.FILES.put("x", request.body ?? "", { contentType: "text/plain" });
         await env.EVENTS.publish("orders.new", info.name);
         await env.EVENTS.publish("stock.apple.changed");
         await env.EVENTS.request("done", text + cached + revision, { timeoutMs: 100 });
         // @ts-expect-error It is none of the declared subjects.
         await env.EVENTS.publish("other");
         const { sequence } = await env.FACTS.publish("orders.7.paid", { sum: 3 }, { retain: true, key: "7" });
         const heard = await env.FACTS.once<{ left: number }>("stock.*", { timeout: 1_000 });
         if (heard.value.left === sequence) return new Response(heard.subject);
         // @ts-expect-error It is none of the declared subjects.
         await env.FACTS.publish("orders.paid");
         // @ts-expect-error Only a KV bucket has keys.
         const wrong: KvBucket = env.FILES;
         // @ts-expect-error It is not declared.
         env.MISSING;
         const { success }: { success: boolean } = await env.LIMIT.limit({ key: text });
         if (!success) return new Response(null, { status: 429 });
         // @ts-expect-error The period stands in narun.yaml.
         await env.LIMIT.limit({ key: text, period: 10 });
         return env.USERS.fetch("/users/" + context.requestId, { method: "POST", body: text });
       };
       export default handler;`,
    );
    await mkdir(join(folder, "node_modules"));
    await symlink(root, join(folder, "node_modules", "narun"));
    await typeCheck(join(folder, "index.ts"));
  });
});

/** Rejects with the compiler's messages. */
async function typeCheck(path: string): Promise<void> {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const flags =
    "--noEmit --strict --target esnext --module nodenext --moduleResolution nodenext --lib esnext,dom,dom.iterable,dom.asynciterable";
  const more = ["--allowImportingTsExtensions", "--customConditions", "narun-source", "--ignoreConfig"];
  await promisify(execFile)(process.execPath, [tsc, ...flags.split(" "), ...more, path]).catch(
    ({ stdout }: { stdout: string }) => Promise.reject(new Error(stdout)),
  );
}
