/** The functions in the pages for authors compile, and behave as the page describes. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { parse } from "yaml";
import { writeEnvTypes } from "../builder/index.ts";
import { FunctionConfigSchema, FunctionFileSchema, headerNames } from "../contracts/index.ts";
import { generateSecretsKey, headerValue, openSecrets, parseSecretsKey } from "../nats/index.ts";
import { eventually } from "./harness/eventually.ts";
import { functionsOf } from "./harness/page-functions.ts";
import { startWorld, type World } from "./harness/world.ts";

const root = join(import.meta.dirname, "..");
const read = (name: string) => readFileSync(join(root, "docs", name), "utf8");
const guide = read("functions.md");
const functions = functionsOf(
  [guide, ...["streaming.md", "bindings.md", "fetch.md", "modules.md"].map(read)].join("\n"),
);

/** Files that the functions import besides their code. */
const WASM = "0061736d0100000001070160027f7f017f030201000707010373756d00000a09010700200020016a0b";
const FILES: Record<string, Record<string, string | Uint8Array>> = {
  pages: {
    "add.wasm": Buffer.from(WASM, "hex"),
    "logo.png": Buffer.from("89504e47", "hex"),
    "page.html": "<h1>{title}</h1>",
    "words.json": '{ "title": "Sums", "sum": "the sum" }',
  },
};

const secretsKey = generateSecretsKey();
const upstream = createServer((request, response) =>
  request.pipe(response.setHeader("x-path", request.url ?? "")),
);
let world: World;

beforeAll(async () => {
  await once(upstream.listen(0, "127.0.0.1"), "listening");
  world = await startWorld({ secretsKey });
  const sealed = parseSecretsKey(secretsKey)?.seal("payment-key", "k") ?? { ciphertext: "", nonce: "" };
  const at = new Date().toISOString();
  const secret = { name: "payment-key", ...sealed, created_at: at, updated_at: at };
  await (await openSecrets(world.connection)).put("payment-key", secret);
  await world.push("users", "export default () => Response.json({ name: 'Ada' })");
  for (const [name, { files, config }] of functions) {
    if (Object.keys(files).length === 0) continue;
    await world.push(name, { ...files, ...FILES[name] }, config);
  }
});
afterAll(async () => {
  upstream.close();
  await world[Symbol.asyncDispose]();
});

const json = async (path: string, init?: RequestInit): Promise<unknown> =>
  (await world.fetch(path, init)).json();
const post = (path: string, body: string | Uint8Array<ArrayBuffer>) =>
  world.fetch(path, { method: "POST", body });
const said = async (name: string, text: RegExp) =>
  eventually(async () =>
    expect((await world.logs(name)).some(({ message }) => text.test(message))).toBe(true),
  );
const connect = async (path: string) => {
  const socket = new WebSocket(world.url(path).replace("http:", "ws:"));
  await once(socket, "open");
  return socket;
};

const tests: Record<string, () => Promise<void>> = {
  async greet() {
    await world.push("greet", functions.get("greet")?.files ?? "", {
      env: [{ name: "GREETING", value: "Hallo" }],
    });
    expect(await (await world.fetch("/greet?name=Ada")).text()).toBe("Hallo, Ada!\n");
  },

  async worker() {
    const { headers, text } = await world.call("/worker");
    expect(JSON.parse(text)).toEqual({ method: "GET", requestId: headers.get("x-request-id") });
  },

  async methods() {
    expect(await json("/methods")).toEqual([]);
    const posted = await post("/methods", '{"a":1}');
    expect([posted.status, await posted.json()]).toEqual([201, { a: 1 }]);
    expect((await world.fetch("/methods", { method: "PUT" })).headers.get("allow")).toBe("GET, POST, HEAD");
  },

  async upload() {
    expect(await (await post("/upload", Buffer.alloc(5_000_000))).json()).toEqual({ bytes: 5_000_000 });
    expect(await json("/upload", { method: "POST" })).toEqual({ bytes: 0 });
  },

  async events() {
    // An open stream takes no place: another request is served meanwhile.
    await world.push("events", functions.get("events")?.files ?? "", { scale: { concurrency: 1 } });
    const other = await world.fetch("/events");
    const response = await world.fetch("/events");
    await other.body?.cancel();
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body?.getReader();
    for (let n = 0; n < 2; n++) {
      const { value } = (await reader?.read()) ?? {};
      expect(Buffer.from(value ?? []).toString()).toMatch(/^data: \d{4}-.*Z\n\n$/);
    }
    await reader?.cancel();
    await said("events", /^the listener is gone$/);
  },

  async order() {
    expect(await world.call("/order", { method: "POST", body: '{"id":7}' })).toMatchObject({ status: 202 });
    await said("order", /^billed { id: 7 }$/);
  },

  async room() {
    expect((await world.fetch("/room")).status).toBe(426);
    const [ada, bob] = await Promise.all([connect("/room"), connect("/room")]);
    const heard = Promise.all([once(ada, "message"), once(bob, "message")]);
    ada.send("hi");
    expect((await heard).map(([data]) => String(data))).toEqual(["hi", "hi"]);
    for (const socket of [ada, bob]) socket.close();
  },

  async live() {
    const socket = await connect("/live");
    socket.send("hi");
    expect(String((await once(socket, "message"))[0])).toBe("you said hi");
    socket.close();
  },

  async visits() {
    const messages: string[] = [];
    world.connection.subscribe("orders.>", (message) => void messages.push(message.text()));
    await world.connection.flush();
    expect(await json("/visits")).toEqual({ visits: 1, user: { name: "Ada" } });
    expect(await json("/visits")).toMatchObject({ visits: 2 });
    await eventually(() => expect(messages).toEqual(['{"visits":1}', '{"visits":2}']));
    const put = await world.fetch("/visits", { method: "PUT", body: Buffer.alloc(2_000_000) });
    expect([put.status, await put.json()]).toMatchObject([201, { size: 2_000_000 }]);
  },

  async limited() {
    const statuses: number[] = [];
    for (let n = 0; n < 6; n++) statuses.push((await world.fetch("/limited")).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    // A client of NATS has no address.
    const { headers } = await world.connection.request("limited", "", { timeoutMs: 10_000 });
    expect(headerValue(headers, headerNames.responseStatus)).toBe("200");
  },

  async pages() {
    expect(await json("/pages/sum")).toEqual({ "the sum": 42 });
    expect(await (await world.fetch("/pages")).text()).toBe("<h1>Sums</h1>");
    const logo = await world.fetch("/pages/logo.png");
    expect([logo.headers.get("content-type"), Buffer.from(await logo.bytes()).toString("hex")]).toEqual([
      "image/png",
      "89504e47",
    ]);
  },

  async proxy() {
    const { port } = upstream.address() as AddressInfo;
    const code = String(functions.get("proxy")?.files["index.ts"]);
    const here = code.replace("https://api.example.com", `http://127.0.0.1:${port}`);
    expect(here).not.toBe(code);
    await world.push("proxy", here, { egress: [`127.0.0.1:${port}`] });
    const answer = await post("/proxy/a?b=c", "there and back");
    expect([answer.headers.get("x-path"), await answer.text()]).toEqual(["/proxy/a?b=c", "there and back"]);
  },

  async careful() {
    expect(await (await post("/careful", '{"amount":3}')).json()).toEqual({ half: 1.5 });
    expect((await post("/careful", "no")).status).toBe(400);
    expect(await world.call("/careful", { method: "POST", body: "null" })).toMatchObject({
      code: "HANDLER_THREW",
    });
  },
};

describe("README.md", () => {
  it("has three handlers, each of which answers", async () => {
    const [, code = ""] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
    const forms = code.split("\n\n");
    expect(forms).toHaveLength(3);
    for (const [at, form] of forms.entries()) {
      await world.push(`form-${at}`, form);
      expect((await world.call(`/form-${at}`)).text).toMatch(/^hi$|^{"hi":true}$/);
    }
  });
});

describe("the pages for authors", () => {
  it("has no function without a test", () => {
    const named = [...functions].filter(([, { files }]) => Object.keys(files).length > 0);
    expect(named.map(([name]) => name).sort()).toEqual(Object.keys(tests).sort());
  });

  it("has no narun.yaml that is not valid", () => {
    for (const { config } of functions.values()) FunctionFileSchema.parse(config);
  });

  for (const [name, test] of Object.entries(tests)) it(`${name} does what it says`, test);

  it("compiles, with the types of the package", async () => {
    const dir = await mkdtemp(join(tmpdir(), "narun-test-docs-"));
    try {
      await writeAll(dir);
      const tsc = join(root, "node_modules/typescript/bin/tsc");
      await promisify(execFile)(process.execPath, [tsc, "-p", dir]).catch(({ stdout }) => {
        throw new Error(stdout);
      });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it("compiles JSX and follows aliases as a function's tsconfig.json says", async () => {
    const compilerOptions = { jsx: "react-jsx", jsxImportSource: "hono/jsx", paths: { "@/*": ["./*"] } };
    await world.push("jsx", {
      "index.tsx": `import { name } from "@/name.ts";
        export default () => new Response(String(<p>{name}</p>));`,
      "name.ts": `export const name = "Ada";`,
      "tsconfig.json": JSON.stringify({ compilerOptions }),
    });
    expect((await world.call("/jsx")).text).toBe("<p>Ada</p>");
  });

  it("says of no global that it is not there when it is", async () => {
    const [, list = ""] = /^Not there as globals: ([^.]*)\.$/m.exec(read("porting.md")) ?? [];
    const names = [...list.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
    expect(names.length).toBeGreaterThan(10);
    const source = `export default () => Response.json(${JSON.stringify(names)}.filter((name) => name in globalThis))`;
    await world.push("globals", source);
    expect(await json("/globals")).toEqual([]);
  });
});

/** The functions as their authors would have them, beside an installed narun. */
async function writeAll(dir: string): Promise<void> {
  await mkdir(join(dir, "node_modules"));
  for (const name of ["@types", "hono"])
    await symlink(join(root, "node_modules", name), join(dir, "node_modules", name));
  await symlink(root, join(dir, "node_modules/narun"));
  for (const [name, { files, config }] of functions) {
    await mkdir(join(dir, name));
    for (const [file, text] of Object.entries({ ...files, ...FILES[name] }))
      await writeFile(join(dir, name, file), text);
    const whole = FunctionConfigSchema.parse({ name, routes: [], ...config });
    if ("bindings" in config) await writeEnvTypes({ dir: join(dir, name), config: whole });
  }
  const { compilerOptions } = parse(/^```json\n\/\/ tsconfig.json\n([\s\S]*?)^```$/m.exec(guide)?.[1] ?? "");
  const here = { ...compilerOptions, customConditions: ["narun-source"] };
  await writeFile(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions: here }));
  await writeFile(join(dir, "package.json"), '{ "type": "module" }');
}
