/** The example functions, deployed by `npm start` and called as their comments describe. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import {
  buildFunction,
  findFunctions,
  loadFunction,
  writeEnvTypes,
  writeProtoTypes,
} from "../builder/index.ts";
import { listLetters, pushBuild } from "../control/index.ts";
import { loadScheduleOrders } from "../triggers/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startWorld, type World } from "./harness/world.ts";

const EXAMPLES = join(import.meta.dirname, "../functions/examples");
const folders = await findFunctions(EXAMPLES);
const names = folders.map((dir) => basename(dir));
const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");

let world: World;
beforeAll(async () => {
  world = await startWorld();
  const push = async (dir: string) => pushBuild(world.connection, await buildFunction(dir, { write: false }));
  await Promise.all(folders.map(push));
});
afterAll(() => world[Symbol.asyncDispose]());

const call = (path: string, init?: RequestInit) => world.fetch(path, init);
const json = async (path: string, init?: RequestInit) => (await call(path, init)).json() as Promise<unknown>;

/** One test for each example, by its name. */
const tests: Record<string, () => Promise<void>> = {
  async chat() {
    const page = await call("/chat");
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await page.text()).toContain("new WebSocket(");
    const open = async () => {
      const socket = new WebSocket(world.url("/chat").replace("http:", "ws:"));
      const said: string[] = [];
      socket.on("message", (data: Buffer) => said.push(data.toString()));
      await once(socket, "message");
      return { socket, said };
    };
    const ada = await open();
    const next = once(ada.socket, "message");
    const bob = await open();
    await next;
    const both = [once(ada.socket, "message"), once(bob.socket, "message")];
    bob.socket.send("grüße");
    await Promise.all(both);
    expect(ada.said).toEqual(["somebody came, 1 are here", "somebody came, 2 are here", "grüße"]);
    expect(bob.said).toEqual(["somebody came, 2 are here", "grüße"]);
    const left = once(ada.socket, "message");
    bob.socket.close();
    await left;
    expect(ada.said.at(-1)).toBe("somebody left, 1 stay");
    ada.socket.close();
  },

  async counter() {
    expect(await json("/counter/a")).toEqual({ path: "/counter/a", count: 1 });
    await Promise.all(Array.from({ length: 10 }, () => json("/counter/a")));
    expect(await json("/counter/a")).toEqual({ path: "/counter/a", count: 12 });
    expect(await json("/counter")).toEqual({ path: "/counter", count: 1 });
  },

  async dice() {
    const { roll } = (await json("/dice?sides=2")) as { roll: number };
    expect([1, 2]).toContain(roll);
    expect((await call("/dice?sides=1")).status).toBe(400);
    const posted = await call("/dice", { method: "POST", body: '{ "count": 3, "sides": 6 }' });
    expect(posted.status).toBe(201);
    const { rolls, total } = (await posted.json()) as { rolls: number[]; total: number };
    expect(rolls).toHaveLength(3);
    expect(total).toBe(rolls.reduce((a, b) => a + b));
    expect((await call("/dice", { method: "POST", body: "no JSON" })).status).toBe(400);
    expect((await call("/dice", { method: "DELETE" })).status).toBe(405);
  },

  async digest() {
    expect(await (await call("/digest")).text()).toBe("no digest yet\n");
    const { awaitRun, listSchedules, runSchedule } = await loadScheduleOrders();
    await eventually(async () =>
      expect(await listSchedules(world.connection, "digest")).toMatchObject([
        { schedule: "nightly", isSeen: true },
      ]),
    );
    const { key, id } = await runSchedule(world.connection, "digest");
    const run = await awaitRun(world.connection, key, id, AbortSignal.timeout(20_000));
    expect(run).toMatchObject({ outcome: "ok", result: { title: "Good morning" } });
    expect(await json("/digest")).toEqual(run?.result);
  },

  async doorbell() {
    const reply = await world.connection.request("doorbell.ring", "Ada", { timeoutMs: 10_000 });
    expect(reply.text()).toBe("Ada is at the door (doorbell.ring)");
  },

  async echo() {
    const body = new Uint8Array([0, 255, 128, 13, 10]);
    const headers = { "content-type": "image/x-test" };
    const posted = await call("/echo/a?b=1&b=2", { method: "POST", body, headers });
    expect(await posted.bytes()).toEqual(body);
    expect(Object.fromEntries(posted.headers)).toMatchObject({
      "content-type": "image/x-test",
      "x-echo-method": "POST",
      "x-echo-path": "/echo/a",
      "x-echo-query": "?b=1&b=2",
    });
    expect(await json("/echo?b=1&b=2", { headers: { "x-mine": "y" } })).toMatchObject({
      method: "GET",
      path: "/echo",
      query: [
        ["b", "1"],
        ["b", "2"],
      ],
      headers: expect.arrayContaining([["x-mine", "y"]]),
    });
  },

  async files() {
    expect((await call("/files", { method: "PUT", body: "x" })).status).toBe(400);
    expect((await call("/files/a.bin")).status).toBe(404);
    const body = Buffer.alloc(3_000_000, "narun");
    const put = await call("/files/a%20b.bin", {
      method: "PUT",
      body,
      headers: { "content-type": "image/x-test" },
    });
    expect(put.status).toBe(201);
    const sha256 = createHash("sha256").update(body).digest("hex");
    expect(await put.json()).toEqual({ name: "a b.bin", size: body.length, sha256 });
    const got = await call("/files/a%20b.bin");
    expect(Object.fromEntries(got.headers)).toMatchObject({
      "content-type": "image/x-test",
      "content-length": String(body.length),
      etag: `"${sha256}"`,
    });
    expect(body.equals(await got.bytes())).toBe(true);
    expect(await json("/files")).toEqual([{ name: "a b.bin", size: body.length }]);
    expect((await call("/files/a%20b.bin", { method: "DELETE" })).status).toBe(204);
    expect(await json("/files")).toEqual([]);
  },

  async fortune() {
    expect(await (await call("/fortune?n=0")).text()).toBe("A program that sleeps costs nothing.");
    expect((await call("/fortune?n=9")).status).toBe(404);
    expect((await world.ps("fortune"))[0]).toMatchObject({ mode: "exec", state: "ready" });
  },

  async greeter() {
    expect(await json("/greetings/Ada?language=LANGUAGE_GERMAN")).toEqual({ text: "Guten Tag, Ada!" });
    const method = "/examples.greeter.v1.Greeter/SayHello";
    const headers = { "content-type": "application/json" };
    expect(await json(method, { method: "POST", body: '{"name":"Ada"}', headers })).toEqual({
      text: "Hello, Ada!",
    });
    const refused = await call(method, { method: "POST", body: "{}", headers });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toEqual({ code: "invalid_argument", message: "a greeting needs a name" });
    const files = await writeProtoTypes({ dir: join(EXAMPLES, "greeter") }, { check: true });
    expect(files).toMatchObject([{ changed: false }]);
  },

  async gzip() {
    const text = "all work and no play ".repeat(50_000);
    const answer = await call("/gzip", { method: "POST", body: text });
    const packed = await answer.bytes();
    expect(packed.length).toBeLessThan(text.length / 100);
    expect(gunzipSync(packed).toString() === text).toBe(true);
    expect((await call("/gzip", { method: "PUT" })).status).toBe(400);
  },

  async hello() {
    expect(await (await call("/hello")).text()).toBe("Hello, world!\n");
    expect(await (await call("/hello/Ada%20L")).text()).toBe("Hello, Ada L!\n");
  },

  async library() {
    const book = { id: "moby", title: "Moby-Dick" };
    const put = (value: unknown) => call("/library/moby", { method: "PUT", body: JSON.stringify(value) });
    expect(await (await put({ title: "Moby-Dick" })).json()).toEqual(book);
    expect(await json("/library/moby")).toEqual(book);
    expect((await put({ title: "" })).status).toBe(422);
    const lend = (id: string) =>
      call("/library.lend", { method: "POST", body: JSON.stringify({ id, to: "Ada" }) });
    expect(await (await lend("moby")).json()).toEqual({ ...book, lentTo: "Ada" });
    expect(await (await lend("moby")).json()).toMatchObject({
      error: { name: "BookLent", data: { to: "Ada" } },
    });
    expect((await lend("none")).status).toBe(404);
    const reply = await world.connection.request("library.get", '{"id":"moby"}', { timeoutMs: 20_000 });
    expect(JSON.parse(reply.text())).toMatchObject({ lentTo: "Ada" });
  },

  async notes() {
    const post = (body: string) => call("/notes", { method: "POST", body });
    expect(await json("/notes")).toEqual([]);
    const refused = await post('{ "text": "" }');
    expect(refused.status).toBe(400);
    expect(await refused.json()).toEqual({ error: expect.stringContaining("text") });
    expect((await post("no JSON")).status).toBe(400);
    const created = await post('{ "text": "buy milk", "more": 1 }');
    expect(created.status).toBe(201);
    const note = (await created.json()) as { id: string };
    expect(note).toEqual({ id: expect.any(String), text: "buy milk", done: false });
    expect(await json("/notes")).toEqual([note]);
    expect(await json(`/notes/${note.id}`)).toEqual({ text: "buy milk", done: false });
    expect((await call(`/notes/${note.id}`, { method: "DELETE" })).status).toBe(204);
    expect((await call(`/notes/${note.id}`)).status).toBe(404);
  },

  async orders() {
    const post = (value: unknown) => ({
      ...{ method: "POST", body: JSON.stringify(value) },
      headers: { "content-type": "application/json" },
    });
    expect((await call("/orders/o1", post({ item: "book" }))).status).toBe(202);
    await call("/orders/o1/signals/approved", post(true));
    expect(await json("/orders/o1/result?wait=30")).toEqual({ state: "shipped", item: "book" });
  },
  async parcels() {
    const { connection } = world.connection;
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: "PARCELS", subjects: ["parcels.>"] });
    for (const text of ["a book", "glass", "a chair"])
      await jetstream(connection).publish("parcels.new", text);
    await eventually(async () => {
      expect(((await json("/parcels")) as string[]).sort()).toEqual(["a book", "a chair"]);
      const letters = await listLetters(world.connection, { function: "parcels" });
      expect(letters).toMatchObject([
        { subject: "parcels.new", attempts: 3, error: { message: "Error: glass breaks" } },
      ]);
    });
  },

  async quotes() {
    expect(await json("/quotes/1")).toEqual({ text: "Well begun is half done.", by: "Aristotle" });
    expect((await call("/quotes")).status).toBe(200);
    expect((await call("/quotes/99")).status).toBe(404);
  },

  async report() {
    const accepted = await call("/report", { method: "POST", body: "three long pages" });
    expect(accepted.status).toBe(202);
    const location = accepted.headers.get("location") ?? "";
    expect(await json(location, { headers: { prefer: "wait=30" } })).toEqual({ words: 3, attempt: 1 });
  },

  async session() {
    const ask = (path: string, init?: RequestInit) => call(path, { redirect: "manual", ...init });
    expect((await ask("/session")).status).toBe(401);
    expect((await ask("/session/login")).status).toBe(400);
    const login = await ask("/session/login?name=Ada%20L");
    expect(login.status).toBe(303);
    expect(login.headers.get("location")).toBe("/session");
    const cookies = login.headers.getSetCookie();
    expect(cookies).toHaveLength(2);
    const cookie = cookies.map((field) => field.split(";")[0]).join("; ");
    expect(await (await ask("/session", { headers: { cookie } })).text()).toBe("Welcome back, Ada L.\n");
    expect((await ask("/session/logout")).headers.getSetCookie()[0]).toContain("Max-Age=0");
    expect((await ask("/session/nowhere")).status).toBe(404);
  },

  async stock() {
    const set = (item: string, left: number) =>
      json("/stock.set", { method: "POST", body: JSON.stringify({ item, left }) });
    expect(await set("pear", 7)).toEqual({ item: "pear", left: 7 });
    await set("apple", 2);
    await eventually(async () => expect(await json("/stock.orders")).toEqual(["apple"]), {
      timeoutMs: 20_000,
    });
    const { body } = await call("/events/stock.level.pear?since=last");
    const reader = body?.getReader();
    let text = "";
    while (!text.includes("data:")) text += Buffer.from((await reader?.read())?.value ?? []).toString();
    expect(text).toMatch(/"subject":"stock.level.pear","key":"pear",.*"value":\{"left":7\}/);
    await reader?.cancel();
  },
  async ticks() {
    const whole = await call("/ticks?count=1");
    expect(whole.headers.get("content-type")).toBe("text/event-stream");
    expect(await whole.text()).toMatch(/^id: 1\ndata: \d{4}-[\d:.T-]+Z\n\n$/);
    const { body: endless } = await call("/ticks");
    const reader = endless?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toMatch(/^id: 1\n/);
    await reader?.cancel();
  },
};

/** The rows of the README's table: the command to try, by the example's name. */
const tries = [...readme.matchAll(/^\| `(\w+)` \| [^|]+ \| (?:`((?:[^`|]|\\\|)+)`)?/gm)].flatMap(
  ([, name = "", command = ""]) =>
    names.includes(name) ? [{ name, command: command.replace("\\|", "|") }] : [],
);

describe("the examples", () => {
  it("are in the README", () => {
    expect(tries.map(({ name }) => name)).toEqual(names);
  });

  it("have a test each", () => {
    expect(names).toEqual(Object.keys(tests));
  });

  it("have the types of their `env` as `narun types` writes them", async () => {
    const files = await Promise.all(
      folders.map(async (dir) => {
        const loaded = await loadFunction(dir).catch(() => undefined);
        // A program has no `env` of TypeScript.
        if (loaded === undefined) return [];
        const { file, changed } = await writeEnvTypes(loaded, { check: true });
        return loaded.config.bindings.length > 0 && changed ? [file] : [];
      }),
    );
    expect(files.flat()).toEqual([]);
  });

  for (const [name, test] of Object.entries(tests)) it(`${name} answers`, test);

  // They run last: they leave notes and files.
  const commands = tries.filter(({ command }) => command !== "");
  it.each(commands)("$name is called as the README says", async ({ command }) => {
    const dir = await mkdtemp(join(tmpdir(), "narun-test-try-"));
    try {
      await writeFile(join(dir, "README.md"), readme);
      // Endless streams are cut off, which is no failure.
      const curl = 'curl() { command curl -fsS --max-time 2 "$@" || [ $? = 28 ]; }';
      const here = command.replace("http://127.0.0.1:8080", world.url(""));
      const narun = `narun() { "${process.execPath}" "${join(import.meta.dirname, "../cli/main.ts")}" "$@"; }`;
      const env = { ...process.env, NARUN_NATS_URL: world.nats.url };
      const script = `${curl}; ${narun}; ${here}`;
      const { stdout } = await promisify(execFile)("sh", ["-c", script], { cwd: dir, env });
      expect(stdout).not.toBe("");
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
