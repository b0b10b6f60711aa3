/** New keys of roles under load, the end of the former ones, and users that are no longer let in. */
import { writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readNetwork } from "../../cli/network/network-facts.ts";
import { narun } from "../../cli/testing/narun.ts";
import { claimsIn, connectNats, createLogin, publicOf, roleKey, systemLogin } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type ClosedWorld, startClosedWorld } from "./closed-world.ts";

const PATHS = ["/hello", "/noded"];

let world: ClosedWorld;
let data: string;

beforeAll(async () => {
  const files = {
    "functions/hello/index.ts": "export default async (request) => new Response(await request.text());\n",
    "functions/noded/index.ts": "export default async (request) => new Response(await request.text());\n",
    "functions/noded/narun.yaml": "mode: node\n",
  };
  // Over NATS alone: a socket would go on without a login.
  world = await startClosedWorld(files, "functions", "--short-path", "off");
  data = world.folder.path("data");
  // A machine that is too busy to try a function in time pushes it again.
  await eventually(
    async () => {
      for (const path of PATHS) {
        if ((await fetch(world.http + path)).status === 200) continue;
        expect(await world.narun("author", ["push", `functions${path}`])).toMatchObject({ code: 0 });
      }
    },
    { timeoutMs: 100_000 },
  );
}, 240_000);
afterAll(() => world?.[Symbol.asyncDispose]());

const order = async (...args: string[]) => {
  const ended = await narun([...args, "--data-dir", data, "--json"], {
    cwd: world.folder.dir,
    limitMs: 60_000,
  });
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(ended.stdout);
};

/** Calls until it is told to end; returns what failed. Each client sends its next request after the answer. */
function load(...paths: string[]) {
  const failed: string[] = [];
  let calls = 0;
  let isOver = false;
  const one = async (path: string) => {
    while (!isOver) {
      const body = `call ${calls++}`;
      const answer = await fetch(world.http + path, { method: "POST", body })
        .then(async (response) => `${response.status} ${await response.text()}`)
        .catch(String);
      if (answer !== `200 ${body}`) failed.push(answer);
      await pause(2);
    }
  };
  const running = paths.flatMap((path) => [one(path), one(path)]);
  return {
    count: () => calls,
    async end() {
      isOver = true;
      await Promise.all(running);
      return failed;
    },
  };
}

/** Which keys signed the logins of narun's connections, as the server tells it. */
async function signersOf(pattern: RegExp): Promise<string[]> {
  const facts = readNetwork(data);
  if (facts === undefined) throw new Error("no network");
  const login = { creds: systemLogin(facts.keys, 60_000), ca: world.ca };
  const system = await connectNats({ url: world.nats, login, worldId: "none", name: "test" });
  const reply = await system.request("$SYS.REQ.SERVER.PING.CONNZ", '{"auth":true}', { timeoutMs: 5_000 });
  await system.close();
  const { connections } = JSON.parse(reply.text()).data as { connections: { name?: string; jwt?: string }[] };
  return connections
    .filter(({ name = "" }) => pattern.test(name))
    .map(({ jwt = "" }) => claimsIn(jwt)?.iss ?? "");
}

const login = async (creds: string) => {
  const nats = await connectNats({
    url: world.nats,
    login: { creds, ca: world.ca },
    worldId: "none",
    name: "test",
  });
  await nats.close();
  return "in";
};

it("changes over to new keys of gateway, node and host under load: no request fails, the former end", async () => {
  const before = readNetwork(data)?.keys;
  if (before === undefined) throw new Error("no network");
  const former = new Map(
    (["gateway", "node", "host"] as const).map((role) => [
      role,
      createLogin(roleKey(before, role), { tags: ["fn:hello"] }),
    ]),
  );
  const calls = load(...PATHS);
  await eventually(() => expect(calls.count()).toBeGreaterThan(50), { timeoutMs: 30_000 });
  for (const role of former.keys()) await order("network", "rotate", role, "--grace", "10m");
  for (const creds of former.values()) expect(await login(creds)).toBe("in");
  const keys = readNetwork(data)?.keys;
  if (keys === undefined) throw new Error("no network");
  // Every process logs in with the new key, long before the former one ends.
  await eventually(
    async () => {
      const now = readNetwork(data)?.keys ?? keys;
      const isOf = (role: "gateway" | "node" | "host") => publicOf(now.roles[role][0]);
      for (const role of ["gateway", "node", "host"] as const)
        expect(isOf(role)).not.toBe(publicOf(before.roles[role][0]));
      expect(new Set(await signersOf(/^narun (?:host|process) of/))).toEqual(new Set([isOf("host")]));
      expect(await signersOf(/^narun node$/)).toEqual([isOf("node")]);
      expect(await signersOf(/^narun up$/)).toContain(isOf("gateway"));
    },
    { timeoutMs: 60_000 },
  );
  const [atChange] = [calls.count()];
  for (const role of former.keys()) await order("network", "end", role);
  for (const creds of former.values())
    await expect(login(creds)).rejects.toMatchObject({ code: "NATS_LOGIN_REFUSED" });
  await eventually(() => expect(calls.count()).toBeGreaterThan(atChange + 50), { timeoutMs: 30_000 });
  expect(await calls.end()).toEqual([]);
  await eventually(() => expect(readNetwork(data)?.keys.roles.host).toHaveLength(1), { timeoutMs: 30_000 });
  expect(world.up.stderr).not.toContain("NATS_LOGIN_REFUSED");
}, 180_000);

it("ends the former key of a role by itself when its grace is over", async () => {
  const keys = readNetwork(data)?.keys;
  if (keys === undefined) throw new Error("no network");
  const former = createLogin(roleKey(keys, "join"));
  await order("network", "rotate", "join", "--grace", "2s");
  await eventually(
    async () => {
      await expect(login(former)).rejects.toMatchObject({ code: "NATS_LOGIN_REFUSED" });
      expect(readNetwork(data)?.keys.roles.join).toHaveLength(1);
    },
    { timeoutMs: 60_000 },
  );
}, 90_000);

it("ends at once without a grace; a file gets a login of the new key, of the same user's name", async () => {
  const author = world.folder.path("author.creds");
  const made = await order("token", "create", "--role", "author");
  await writeFile(author, made.creds, { mode: 0o600 });
  expect(await login(made.creds)).toBe("in");
  await order("network", "rotate", "author", "--grace", "0s");
  await expect(login(made.creds)).rejects.toMatchObject({ code: "NATS_LOGIN_REFUSED" });
  // The node of the data folder takes the change over.
  await eventually(
    async () => {
      await order("token", "renew", author);
      const ls = await narun(
        ["ls", "--nats", world.nats, "--creds", author, "--tls-ca", `${data}/network/ca.pem`],
        { cwd: world.folder.dir },
      );
      expect(ls).toMatchObject({ code: 0 });
    },
    { timeoutMs: 30_000 },
  );
}, 90_000);

it("cuts off a revoked user, and nobody else", async () => {
  const [thief, honest] = [
    await order("token", "create", "--role", "gateway"),
    await order("token", "create", "--role", "gateway"),
  ];
  const file = world.folder.path("thief.creds");
  await writeFile(file, thief.creds, { mode: 0o600 });
  const open = await connectNats({
    url: world.nats,
    login: { creds: thief.creds, ca: world.ca },
    worldId: "none",
    name: "thief",
  });
  expect(await order("token", "revoke", file)).toEqual({ user: thief.user, revoked: true });
  await eventually(() => expect(open.state).toBe("reconnecting"), { timeoutMs: 20_000 });
  await open.close();
  await expect(login(thief.creds)).rejects.toMatchObject({ code: "NATS_LOGIN_REFUSED" });
  expect(await login(honest.creds)).toBe("in");
  const nonsense = await narun(["token", "revoke", "nobody", "--data-dir", data]);
  expect(nonsense).toMatchObject({ code: 2 });
}, 90_000);
