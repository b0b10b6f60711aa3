/** Services of the original toolkit: nodes run the services that name them, and show them as the original does. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, expect, it } from "vitest";
import { parseServiceFile, type ServiceSpec } from "../../contracts/index.ts";
import { deployProgram, listFunctions, openProgram, removeFunction } from "../../control/index.ts";
import { openNodeStates } from "../../nats/index.ts";
import { rawClient } from "../grpc/raw-functions.ts";
import { eventually } from "../harness/eventually.ts";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

const ROUTES = [
  { path: "/users", service: "users" },
  { path: "/old", service: "sleeper" },
  { grpc: "pkg.Named", service: "sleeper" },
];

const folder = mkdtempSync(join(tmpdir(), "narun-services-"));
const world = await startWorld({
  gateway: { config: { routes: ROUTES } as never },
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function specOf(yaml: object): ServiceSpec {
  const parsed = parseServiceFile(JSON.stringify(yaml));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.value;
}

async function deploy(yaml: { name: string; [key: string]: unknown }, text: string) {
  const file = join(folder, `${yaml.name}.mjs`);
  writeFileSync(file, text, { mode: 0o755 });
  return deployProgram(world.connection, { spec: specOf(yaml), programs: [await openProgram(file)] });
}

it("run on the nodes that their specs name, as many as they say, without a request", async () => {
  await deploy(
    {
      name: "users",
      tag: "v1",
      nodes: [{ name: "node-0", replicas: 2 }],
      env: [{ name: "A", value: "b" }],
      args: ["--x"],
    },
    programSource({ act: `answer(JSON.stringify({ env: process.env, args: process.argv.slice(2) }))` }),
  );
  await world.announced("users", "ready", 2);
  const states = await openNodeStates(world.connection);
  await eventually(async () => {
    const read = await states.get("node-0");
    const one = expect.stringMatching(/^users-\w+$/);
    expect(read?.ok && read.value.managed_instances).toEqual([one, one]);
  });
  const { status, text } = await world.call("/users");
  expect(status).toBe(200);
  expect(JSON.parse(text)).toMatchObject({ env: { A: "b", NARUN_APP_NAME: "users" }, args: ["--x"] });
  expect(await listFunctions(world.connection)).toMatchObject([
    { name: "users", mode: "exec", instances: 2 },
  ]);
  await removeFunction(world.connection, "users");
  await world.announced("users", "gone", 2);
});

it("of other nodes are left alone", async () => {
  await deploy({ name: "elsewhere", tag: "v1", nodes: [{ name: "other" }] }, programSource());
  await deploy({ name: "here", tag: "v1", nodes: [{ name: "node-0" }] }, programSource());
  await world.announced("here", "ready");
  expect(world.statuses("elsewhere")).toEqual([]);
});

it("need not register: they run when they have started", async () => {
  await deploy(
    { name: "worker", tag: "v1", nodes: [{ name: "node-0" }] },
    "#!/bin/sh\necho at work\nexec sleep 300\n",
  );
  await eventually(async () => {
    expect(world.statuses("worker").at(-1)).toMatchObject({ status: "running", pid: expect.any(Number) });
    expect((await world.logs("worker")).map(({ message, stream }) => [message, stream])).toEqual([
      ["at work", "stdout"],
    ]);
  });
});

const GRPC_ANSWER = `
  const method = headers["X-Original-Grpc-Method"];
  if (method !== undefined) answer(method + " " + body);
  else answer("path " + headers["X-Original-Path"]);`;

it("with a scale of zero are started by a request, on any route and by gRPC, and sleep when they are idle", async () => {
  await deploy(
    {
      ...{ name: "sleeper", tag: "v1", scale: { min: 0, idleSeconds: 0.3 } },
      ...{ routes: [{ path: "/own/*" }], grpc: ["pkg.Sleeper"] },
    },
    programSource({ act: GRPC_ANSWER }),
  );
  using client = rawClient(world.gateway.grpcAddress ?? "");
  const hello = async (service: string) => {
    const deadline = Date.now() + 20_000;
    const { messages } = await client.call(`/pkg.${service}/Hello`, ["Ann"], new Metadata(), { deadline });
    return messages;
  };
  const asleep = (times: number) => world.announced("sleeper", "gone", times);
  await eventually(async () => expect((await world.call("/own/a")).text).toBe("path /own/a"));
  await asleep(1);
  expect((await world.call("/old")).text).toBe("path /old");
  await asleep(2);
  expect(await hello("Sleeper")).toEqual(["/pkg.Sleeper/Hello Ann"]);
  await asleep(3);
  expect(await hello("Named")).toEqual(["/pkg.Named/Hello Ann"]);
  expect(await listFunctions(world.connection)).toContainEqual(
    expect.objectContaining({ name: "sleeper", state: "running" }),
  );
  await asleep(4);
});

it("that ended are started again by a request, without the pause of those that nothing asks for", async () => {
  const dies = `if (headers["X-Original-Path"] === "/users/die") process.exit(3); else answer("lives");`;
  await deploy(
    { name: "mortal", tag: "v1", nodes: [{ name: "node-0" }], routes: [{ path: "/users/*" }] },
    programSource({ act: dies }),
  );
  await world.announced("mortal", "ready");
  // Seven deaths make a pause that is longer than the gateway's hold.
  for (let deaths = 1; deaths <= 7; deaths++) {
    expect((await world.call("/users/live")).text).toBe("lives");
    await world.call("/users/die", { method: "POST" });
    await world.announced("mortal", "gone", deaths);
  }
  expect((await world.call("/users/live")).text).toBe("lives");
}, 60_000);

it("in a jail are refused with the reason, and the neighbours go on", async () => {
  await deploy({ name: "jailed", tag: "v1", mode: "jail", nodes: [{ name: "node-0" }] }, programSource());
  await eventually(() =>
    expect(world.statuses("jailed")).toContainEqual(
      expect.objectContaining({
        status: "failed",
        error: expect.stringMatching(/^NODE_CANNOT_CONFINE: .*mode jail: no node of narun has jails$/),
      }),
    ),
  );
  await eventually(async () =>
    expect(await listFunctions(world.connection)).toContainEqual(
      expect.objectContaining({ name: "jailed", state: "failing", error: expect.stringMatching(/jails/) }),
    ),
  );
  expect(world.statuses("here").at(-1)).toMatchObject({ status: "running" });
});
