/** `narun run`: a plain HTTP server of any language behind NATS. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { startNarun } from "../../cli/testing/narun.ts";
import { isRunning } from "../../machine/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const folder = await mkdtemp(join(tmpdir(), "narun-test-run-"));
const world = await startWorld({ nodes: 0 });
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const SERVER = `
  import { createServer } from "node:http";
  import { WebSocketServer } from ${JSON.stringify(import.meta.resolve("ws"))};
  const server = createServer((request, response) => {
    const path = request.url.replace(/^.plain/, "");
    if (path === "/end") process.exit(7);
    if (path === "/cookies") response.setHeader("set-cookie", ["a=1", "b=2"]);
    if (path === "/cut") return request.socket.destroy();
    if (path === "/trailers") {
      response.writeHead(200, { trailer: "x-sum" });
      response.write("summed");
      response.addTrailers({ "x-sum": "7" });
      return response.end();
    }
    if (path === "/none") return response.writeHead(204).end();
    if (path === "/events") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: 1\\n\\n");
      request.socket.on("close", () => console.error("the reader left"));
      return;
    }
    if (path === "/slow") return void setTimeout(() => response.end("slowly"), 300);
    response.setHeader("x-host", request.headers.host);
    response.writeHead(200, { "content-type": request.headers["content-type"] ?? "text/plain" });
    if (request.method === "POST") request.pipe(response);
    else response.end(request.method + " " + request.url);
  });
  new WebSocketServer({ server }).on("connection", (socket, request) => {
    if (!request.url.endsWith("/chat")) return socket.close(4000, "elsewhere");
    socket.on("message", (data, isBinary) => socket.send(isBinary ? data : "you said " + data));
  });
  console.log("a line of the program");
  server.listen(Number(process.env.PORT), "127.0.0.1");
`;
const file = join(folder, "server.mjs");
await writeFile(file, SERVER);

const run = (...args: string[]) =>
  startNarun(["run", "--nats", world.nats.url, ...args], { limitMs: 60_000 });

describe("a plain HTTP server behind NATS", () => {
  it("answers by its status, fields and body, whatever their size, and ends after its requests", async () => {
    await using program = run("--service", "plain", "--", process.execPath, file);
    await program.shows(/plain answers/);
    await eventually(async () =>
      expect(await world.call("/plain/a?b=c")).toMatchObject({ text: "GET /plain/a?b=c" }),
    );
    const cookies = await world.call("/plain/cookies");
    expect(cookies.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(cookies.headers.get("x-host")).toBe(new URL(world.gateway.httpUrl).host);
    expect(await world.call("/plain/none")).toMatchObject({ status: 204, text: "" });
    const data = Buffer.alloc(2 * 1024 * 1024, "narun");
    const headers = { "content-type": "application/x-own" };
    const copy = await world.fetch("/plain/copy", { method: "POST", body: data, headers });
    expect(copy.headers.get("content-type")).toBe("application/x-own");
    expect(Buffer.from(await copy.arrayBuffer()).equals(data)).toBe(true);
    expect(await world.ps("plain")).toMatchObject([{ mode: "run", state: "ready" }]);
    expect(program.stdout).toContain("a line of the program");
    await eventually(async () =>
      expect((await world.logs("plain")).map(({ message }) => message)).toContain("a line of the program"),
    );
    const slow = world.call("/plain/slow", { method: "POST", body: "x" });
    await eventually(() => expect(world.gateway.counts().get("plain")).toMatchObject({ inFlight: 1 }));
    const processes = program.descendants();
    program.kill("SIGTERM");
    expect(await slow).toMatchObject({ text: "slowly" });
    expect((await program.ended).code).toBe(0);
    expect(processes.filter(({ pid }) => spawnSync("kill", ["-0", String(pid)]).status === 0)).toEqual([]);
  });

  it("streams, hears of a reader that left, and has WebSockets", async () => {
    await using program = run("--service", "plain", "--", process.execPath, file);
    await program.shows(/plain answers/);
    await eventually(async () => expect(await world.call("/plain/a")).toMatchObject({ status: 200 }));
    const leaving = new AbortController();
    const events = await world.fetch("/plain/events", { signal: leaving.signal });
    const reader = events.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("data: 1\n\n");
    leaving.abort();
    await program.shows(/the reader left/);
    const messages: string[] = [];
    const ends: unknown[] = [];
    const connect = (path: string) => new WebSocket(world.url(path).replace("http", "ws"));
    const chat = connect("/plain/chat");
    chat.on("open", () => chat.send("hello"));
    chat.on("message", (data) => messages.push(String(data)) && chat.close(1_000));
    chat.on("close", (code) => ends.push(code));
    connect("/plain/other").on("close", (code, reason) => ends.push([code, String(reason)]));
    await eventually(() => expect(ends).toHaveLength(2));
    expect(messages).toEqual(["you said hello"]);
    expect(ends).toContainEqual([4_000, "elsewhere"]);
  });

  it("passes trailers on, and names the request that got no answer", async () => {
    await using program = run("--service", "plain", "--", process.execPath, file);
    await program.shows(/plain answers/);
    await eventually(async () => expect(await world.call("/plain/a")).toMatchObject({ status: 200 }));
    const trailers = await new Promise((resolve, reject) =>
      request(world.url("/plain/trailers"), { headers: { te: "trailers" } }, (response) =>
        response.resume().once("end", () => resolve(response.trailers)),
      )
        .once("error", reject)
        .end(),
    );
    expect(trailers).toEqual({ "x-sum": "7" });
    const cut = await world.call("/plain/cut", { method: "POST" });
    expect(cut).toMatchObject({ status: 502, code: "CONSUMER_DIED" });
    expect(JSON.parse(cut.text)).toMatchObject({ requestId: cut.headers.get("x-request-id") });
    await program.shows(new RegExp(`request ${cut.headers.get("x-request-id")}: the program did not answer`));
  });

  it("ends with the program, and its exit code", async () => {
    await using program = run("--service", "plain", "--", process.execPath, file);
    await program.shows(/plain answers/);
    await eventually(async () => expect(await world.call("/plain/a")).toMatchObject({ status: 200 }));
    expect(await world.call("/plain/end", { method: "POST" })).toMatchObject({
      status: 502,
      code: "CONSUMER_DIED",
    });
    expect((await program.ended).code).toBe(7);
  });

  it("does not outlive a narun that is killed, and neither do its children", async () => {
    const pids = join(folder, "pids");
    const source = `${SERVER}
      const { spawn } = await import("node:child_process");
      const child = spawn("sleep", ["300"]);
      process.on("SIGTERM", () => console.log("not now"));
      (await import("node:fs")).writeFileSync(${JSON.stringify(pids)}, process.pid + " " + child.pid);`;
    const stubborn = join(folder, "stubborn.mjs");
    await writeFile(stubborn, source);
    await using program = run("--service", "tied", "--", process.execPath, stubborn);
    await program.shows(/tied answers/);
    const both = (await readFile(pids, "utf8")).split(" ").map(Number);
    const alive = () => both.map((pid) => isRunning({ pid, startTime: null }));
    expect(alive()).toEqual([true, true]);
    program.kill("SIGKILL");
    await eventually(() => expect(alive()).toEqual([false, false]), { timeoutMs: 20_000 });
  });

  it("tells why a program does not become ready", async () => {
    await using quits = run("--service", "quits", "--", process.execPath, "-e", "process.exit(3)");
    expect(await quits.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("exit code 3") });
    await using missing = run("--service", "missing", "--", join(folder, "no-such-program"));
    expect(await missing.ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no-such-program"),
    });
    await using deaf = run(
      "--service",
      "deaf",
      "--start-seconds",
      "1",
      "--",
      process.execPath,
      "-e",
      "setInterval(()=>{},1000)",
    );
    expect(await deaf.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("variable PORT") });
    await using nameless = run("--", "true");
    expect(await nameless.ended).toMatchObject({ code: 2, stderr: expect.stringContaining("--service") });
  });

  it("tells wrong options before the program runs", async () => {
    for (const [option, value, told] of [
      ["--service", "a b", "service"],
      ["--route", "no", "route"],
      ["--service-version", "1", "version"],
    ] as const) {
      const mark = join(folder, `ran-${told}`);
      const own = option === "--service" ? [] : ["--service", "wrong"];
      await using wrong = run(...own, option, value, "--", "touch", mark);
      expect(await wrong.ended).toMatchObject({ code: 2, stderr: expect.stringContaining(told) });
      expect(existsSync(mark)).toBe(false);
    }
  }, 90_000);
});
