import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");
let folder: string;

/** Packs narun and installs the tarball in an empty folder, with the packages that it depends on copied beside it. */
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "narun-test-package-")));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: root });
  const packed = JSON.parse(stdout.slice(stdout.indexOf("["))) as [{ filename: string }];
  const installed = join(folder, "node_modules", "narun");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", join(folder, packed[0].filename), "-C", installed, "--strip-components=1"]);
  const { stdout: list } = await run("npm", ["ls", "--omit=dev", "--all", "--parseable"], { cwd: root });
  for (const source of list.trim().split("\n").slice(1)) {
    const target = join(folder, relative(root, source));
    await cp(source, target, { recursive: true, force: false });
  }
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const narun = (...args: string[]) =>
  run(process.execPath, [join(folder, "node_modules", "narun", "bin", "narun.cjs"), ...args], {
    cwd: folder,
    env: { ...process.env, NARUN_NATS_SERVER: inject("natsServer"), NODE_OPTIONS: "" },
  });

describe("the package, installed", () => {
  it("has the command, which writes and builds a function", async () => {
    await narun("init", "hello");
    const { stdout } = await narun("build", "hello", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      name: "hello",
      revision: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it("runs a whole world, and a function in it", async () => {
    const script = `
      import { spawn } from "node:child_process";
      const narun = spawn(process.execPath, ["node_modules/narun/bin/narun.cjs", "up", "hello", "--json", "--data-dir", "data",
        "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--nats-port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
      narun.stdout.once("data", async (line) => {
        const response = await fetch(JSON.parse(line).http + "/hello?name=Ada");
        narun.once("exit", async (code) => console.log(JSON.stringify([response.status, await response.text(), code])));
        narun.kill("SIGTERM");
      });`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: folder,
      env: { ...process.env, NARUN_NATS_SERVER: inject("natsServer"), NODE_OPTIONS: "" },
    });
    expect(JSON.parse(stdout)).toEqual([200, expect.stringContaining("Ada"), 0]);
  });

  it("runs functions for their tests, and nothing of it is left", async () => {
    const script = `
      import { startFunctions } from "narun/testing";
      const functions = await startFunctions("hello");
      const response = await functions.fetch("/hello?name=Ada");
      console.log(await response.text());
      await functions.close();
      console.log(await fetch(functions.url).catch((error) => error.cause.code));`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: folder,
      env: { ...process.env, NARUN_NATS_SERVER: inject("natsServer"), NODE_OPTIONS: "" },
    });
    expect(stdout).toBe("Hello, Ada!\n\nECONNREFUSED\n");
  });

  it("serves from a program of one's own, and keeps the server out of functions", async () => {
    const program = `
      import { spawn } from "node:child_process";
      import { serve } from "narun";
      const narun = spawn(process.execPath, ["node_modules/narun/bin/narun.cjs", "up", "helps", "--json", "--data-dir", "data",
        "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--nats-port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
      narun.stdout.once("data", async (line) => {
        const { http, nats, failed } = JSON.parse(line);
        const consumer = await serve((request) => new Response("served " + request.url.slice(-5)), { service: "mine", nats });
        let text = "";
        while (!text.startsWith("served")) text = await (await fetch(http + "/mine/there")).text();
        const helps = await (await fetch(http + "/helps")).json();
        await consumer.close();
        narun.once("exit", (code) => console.log(JSON.stringify([text, helps, failed, code])));
        narun.kill("SIGTERM");
      });`;
    await mkdir(join(folder, "helps"), { recursive: true });
    const helps = `import * as narun from "narun";
      import type { Handler } from "narun";
      export const GET: Handler = () => Response.json(Object.keys(narun).sort());`;
    await writeFile(join(folder, "helps", "index.ts"), helps);
    await writeFile(join(folder, "helps", "narun.yaml"), "mode: node\n");
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: folder,
      env: { ...process.env, NARUN_NATS_SERVER: inject("natsServer"), NODE_OPTIONS: "" },
    });
    const errors = ["NonRetryableError", "StepFailed", "WorkflowCancelled"];
    const helpers = [
      "ActionError",
      "GrpcError",
      "Metadata",
      ...errors,
      "encrypted",
      "grpc",
      "rows",
      "service",
      "timedOut",
      "workflow",
    ];
    expect(JSON.parse(stdout)).toEqual(["served there", helpers, [], 0]);
  });

  it("has the types for authors and the parts for programs", async () => {
    const source = `/// <reference types="narun/modules" />
      import { type Context, type Handler, serve, type ServedConsumer } from "narun";
      import { upgradeWebSocket } from "narun/serve";
      import page from "./page.md";
      import logo from "./logo.png";
      import { startFunctions } from "narun/testing";
      import { buildFunction } from "narun/builder";
      import { startGateway } from "narun/gateway";
      import { startNodeRunner } from "narun/runtime";
      const handler: Handler = (_request: Request, _env, context: Context) => new Response(context.requestId);
      export const GET: Handler = (_request, _env, context) => {
        const { 0: client, 1: server } = new WebSocketPair();
        server.accept();
        context.waitUntil(Promise.resolve(context.signal.aborted));
        const upgrade: ResponseInit = { status: 101, webSocket: client };
        return new Response(null, upgrade);
      };
      export const texts: [string, number] = [page, logo.byteLength];
      export const served: Promise<ServedConsumer> = serve((_request, _env, context) => new Response(context.requestId), {
        service: "mine",
      });
      export const app: unknown = serve({ fetch: (request: Request) => upgradeWebSocket(request).response }, { service: "mine" });
      export const all: unknown[] = [handler, startFunctions, buildFunction, startGateway, startNodeRunner];`;
    await writeFile(join(folder, "check.ts"), source);
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const types = join(root, "node_modules", "@types");
    const flags = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--module",
      "nodenext",
      "--target",
      "esnext",
      "--types",
      "node",
    ];
    await run(process.execPath, [tsc, ...flags, "--typeRoots", types, "check.ts"], { cwd: folder });
  });
});
