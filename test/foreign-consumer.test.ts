import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { readGatewayConfig } from "../gateway/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startForeignService } from "./harness/foreign-service.ts";
import { readAnswer, startWorld } from "./harness/world.ts";

const folder = await mkdtemp(join(tmpdir(), "narun-test-config-"));
const configFile = join(folder, "config.yaml");
await writeFile(
  configFile,
  `request_timeout_seconds: 10
routes:
  - { path: /orders, methods: [GET], service: orders }
  - { path: /orders, methods: [POST], service: orders-write }
  - { path: /late/, service: late }
`,
);
const world = await startWorld({ gateway: { config: await readGatewayConfig(configFile) } });
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
await world.push("beside", `export default () => new Response("a function");`);

const foreign = (name: string, answer: string, status?: number) =>
  startForeignService({ url: world.nats.url, name, answer, ...(status === undefined ? {} : { status }) });

describe("a consumer that narun did not start", () => {
  it("is served by a static route, by method, beside the functions", async () => {
    await using read = await foreign("orders", "all orders");
    await using write = await foreign("orders-write", "made", 201);
    const got = await world.call("/orders?since=1");
    expect(got).toMatchObject({ status: 200, text: "all orders" });
    expect(got.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(await world.call("/orders", { method: "POST", body: "one" })).toMatchObject({
      status: 201,
      text: "made",
    });
    expect(await world.call("/orders", { method: "DELETE" })).toMatchObject({
      status: 405,
      code: "METHOD_NOT_ALLOWED",
    });
    expect(await world.call("/beside")).toMatchObject({ text: "a function" });
    expect(read.taken).toMatchObject([
      {
        headers: { "X-Original-Method": "GET", "X-Original-Path": "/orders", "X-Original-Query": "since=1" },
      },
    ]);
    expect(write.taken).toMatchObject([{ headers: { "X-Original-Method": "POST" }, data: "one" }]);
  });

  it("answers a request that came before it joined, and nothing is started for it", async () => {
    const early = world.call("/late/riser");
    await eventually(() => expect(world.gateway.counts().get("late")).toMatchObject({ held: 1 }));
    await using late = await foreign("late", "here I am");
    const answer = await early;
    expect(answer).toMatchObject({ status: 200, text: "here I am" });
    expect(answer.headers.get("server-timing")).toMatch(/^hold;dur=\d+\.\d$/);
    expect(late.taken).toMatchObject([{ headers: { "X-Original-Path": "/late/riser" } }]);
    expect(world.announcements("late")).toEqual([]);
  });
});

describe("narun gateway --config", () => {
  it("serves the file's routes beside the functions, and ends in order", async () => {
    const main = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
    const addresses = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--nats", world.nats.url];
    const child = fork(main, ["gateway", "--config", configFile, "--json", ...addresses], {
      execArgv: [],
      stdio: ["ignore", "pipe", "ignore", "ipc"],
    });
    const ended = once(child, "exit");
    try {
      const [line] = await once(child.stdout ?? child, "data");
      const { http } = JSON.parse(String(line)) as { http: string };
      await using _orders = await foreign("orders", "by the other gateway");
      expect(await readAnswer(await fetch(`${http}/orders`))).toMatchObject({ text: "by the other gateway" });
      expect(await readAnswer(await fetch(`${http}/beside`))).toMatchObject({ text: "a function" });
    } finally {
      child.kill("SIGTERM");
    }
    expect(await ended).toEqual([0, null]);
  });
});
