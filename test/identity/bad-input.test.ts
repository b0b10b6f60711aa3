/** Joins and logins that are refused, as a user meets them: each has its code, and says what to do. */

import { once } from "node:events";
import { existsSync, globSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { joinNetwork } from "../../cli/network/join.ts";
import { fingerprintOfNetwork, readNetwork } from "../../cli/network/network-facts.ts";
import { openNetwork } from "../../cli/network/network-folder.ts";
import { FREE_PORTS, narun, startNarun } from "../../cli/testing/narun.ts";
import { connectNats, createJoinToken } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type ClosedWorld, startClosedWorld } from "./closed-world.ts";

/** Shifts the clock of a process. The monotonic clock, of which timers live, stays. */
const faketime = globSync("/usr/lib/*/faketime/libfaketime.so.1")[0] ?? "/usr/lib/faketime/libfaketime.so.1";
const hasFaketime = existsSync(faketime);
const clock = (offset: string) => ({
  LD_PRELOAD: faketime,
  FAKETIME: offset,
  FAKETIME_DONT_FAKE_MONOTONIC: "1",
});

let world: ClosedWorld;
let data: string;
beforeAll(async () => {
  world = await startClosedWorld({});
  data = world.folder.path("data");
});
afterAll(() => world?.[Symbol.asyncDispose]());

async function tokenOf(...args: string[]): Promise<string> {
  const { stdout } = await narun(["token", "create", "--data-dir", data, "--json", ...args]);
  return JSON.parse(stdout).token;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** The error with which a node that wants to join ends. */
async function refusalOf(token: string, env: Record<string, string> = {}) {
  const cluster = ["--cluster", `127.0.0.1:${await freePort()}`];
  const own = ["--data-dir", world.folder.path(`new-${crypto.randomUUID()}`), "--json"];
  const join = ["--join", `${token}@${new URL(world.nats).host}`];
  const { stdout, stderr } = await narun(["up", ...FREE_PORTS, ...own, ...cluster, ...join], {
    ...{ cwd: world.folder.dir, limitMs: 60_000, env },
  });
  const [line = stderr] = /\{"error".*\}/.exec(stdout + stderr) ?? [];
  expect(stdout + stderr).not.toContain(token);
  return JSON.parse(line).error;
}

it("a token whose time is over, and a node that takes no others", async () => {
  const brief = await tokenOf("--ttl", "1s");
  expect(await refusalOf(await tokenOf())).toMatchObject({
    code: "JOIN_REFUSED",
    message: expect.stringContaining("--cluster"),
  });
  expect(await refusalOf(brief)).toMatchObject({
    code: "JOIN_TOKEN_EXPIRED",
    solve: expect.stringContaining("narun token create"),
  });
}, 90_000);

it("a data folder of another network, and a token that a node is started with for ever", async () => {
  const folder = world.folder.path("of-another");
  await openNetwork(folder, ["127.0.0.1"]);
  const cluster = ["--cluster", `127.0.0.1:${await freePort()}`, "--data-dir", folder, "--json"];
  const join = (token: string) => ["--join", `${token}@${new URL(world.nats).host}`];
  const ended = await narun(["up", ...FREE_PORTS, ...cluster, ...join(await tokenOf())], { limitMs: 60_000 });
  expect(JSON.parse(/\{"error".*\}/.exec(ended.stdout + ended.stderr)?.[0] ?? "{}").error).toMatchObject({
    code: "NETWORK_DATA_IN_USE",
    message: expect.stringContaining("--join names another one"),
  });
  // The token of its own network, of which it is since long: it is not used again, and may be over.
  const facts = readNetwork(folder);
  if (facts === undefined) throw new Error("no network");
  const own = createJoinToken(facts.keys, fingerprintOfNetwork(facts), -1);
  await joinNetwork({
    target: { token: own, host: "127.0.0.1", port: 1 },
    dataDir: folder,
    route: "127.0.0.1:1",
  });
  expect(readNetwork(folder)).toEqual(facts);
}, 90_000);

it("a clock that is behind, or ahead", async (context) => {
  if (!hasFaketime) return context.skip("faketime is not installed");
  const brief = await tokenOf("--ttl", "1s");
  // The new node takes the token for a good one; the network does not.
  await eventually(() => expect(Date.now()).toBeGreaterThan(endOf(brief)));
  const behind = await refusalOf(brief, clock("-10m"));
  expect(behind).toMatchObject({
    code: "JOIN_TOKEN_EXPIRED",
    message: expect.stringContaining("by its own clock"),
    solve: expect.stringContaining("clocks"),
  });
  const ahead = await refusalOf(await tokenOf(), clock("+2h"));
  expect(ahead).toMatchObject({
    code: "JOIN_TOKEN_EXPIRED",
    message: expect.stringContaining("it was good until"),
    solve: expect.stringContaining("clocks"),
  });
  // A command of a machine whose clock is off by minutes works.
  const login = ["--creds", `${data}/network/logins/cli.creds`, "--tls-ca", `${data}/network/ca.pem`];
  for (const offset of ["-10m", "+10m"])
    expect(
      await narun(["ls", "--nats", world.nats, ...login], { env: clock(offset), limitMs: 60_000 }),
    ).toMatchObject({ code: 0 });
}, 120_000);

const endOf = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[4] ?? "", "base64url").toString()).exp * 1_000;

it("a data folder whose server was alone", async () => {
  const folder = world.folder.path("alone");
  const alone = startNarun(["up", "--json", ...FREE_PORTS, "--data-dir", folder], { limitMs: 60_000 });
  await alone.shows(/^\{"http".*\}$/m);
  alone.kill("SIGTERM");
  await alone.ended;
  const later = [
    "up",
    "--json",
    ...FREE_PORTS,
    "--data-dir",
    folder,
    "--cluster",
    `127.0.0.1:${await freePort()}`,
  ];
  const { stdout, stderr } = await narun(later, { limitMs: 60_000 });
  expect(stdout + stderr).toContain("NETWORK_DATA_IN_USE");
}, 90_000);

it("orders where there is no network; a tenant's file that is none", async () => {
  const folder = world.folder.path("empty");
  for (const args of [
    ["token", "create"],
    ["network", "rotate", "host"],
    ["tenant", "ls"],
  ])
    expect((await narun([...args, "--data-dir", folder, "--json"])).stderr).toContain("NETWORK_MISSING");
  const file = world.folder.path("data/network/ca.pem");
  const { stderr } = await narun(["up", ...FREE_PORTS, "--data-dir", folder, "--tenant", file]);
  expect(stderr).toContain("is not that of a tenant");
  expect(stderr).not.toContain("BEGIN");
  expect((await narun(["network", "rotate", "nobody", "--data-dir", data])).code).toBe(2);
}, 60_000);

it("a login of another network, and one that has expired", async () => {
  await using other = await startClosedWorld({});
  const login = (creds: string) =>
    connectNats({ url: world.nats, login: { creds, ca: world.ca }, worldId: "none", name: "test" });
  await expect(login(other.creds("cli"))).rejects.toMatchObject({ code: "NATS_LOGIN_REFUSED" });
  const expired = world.creds("cli", { lifeMs: 1_000, now: Date.now() - 60_000 });
  await expect(login(expired)).rejects.toMatchObject({
    code: "NATS_LOGIN_REFUSED",
    message: expect.stringContaining("expired"),
  });
  // The other network's certificates are not of this one's authority.
  const strange = connectNats({
    url: other.nats,
    login: { creds: other.creds("cli"), ca: world.ca },
    worldId: "none",
    name: "test",
  });
  await expect(strange).rejects.toMatchObject({ code: "NATS_TLS_FAILED" });
}, 90_000);
