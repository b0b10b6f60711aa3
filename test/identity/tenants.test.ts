/** A tenant is an account: its operator serves its functions, and neither sees anything of the other. */
import { readFileSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readNetwork } from "../../cli/network/network-facts.ts";
import { type Ended, FREE_PORTS, type Narun, narun, startNarun } from "../../cli/testing/narun.ts";
import {
  type AccountKeys,
  connectNats,
  createLogin,
  type Nats,
  openByteKv,
  publicOf,
  roleKey,
} from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type ClosedWorld, startClosedWorld } from "./closed-world.ts";

const KEEPER = `export default async (request, env) => {
  await env.THINGS.put("a", "of NAME");
  await env.PICTURES.put("p", "of NAME");
  await env.STOCK.publish("stock.sold", "of NAME", { retain: true });
  return new Response("of NAME");
};\n`;
const YAML = `bindings:
  - { name: THINGS, kv: things }
  - { name: PICTURES, objects: pictures }
  - { name: STOCK, events: ["stock.>"] }
`;
const filesOf = (folder: string, name: string) => ({
  [`${folder}/${name}/index.ts`]: KEEPER.replaceAll("NAME", name),
  [`${folder}/${name}/narun.yaml`]: YAML,
});

let world: ClosedWorld;
let up: Narun;
let http: string;
const connections: Nats[] = [];

beforeAll(async () => {
  world = await startClosedWorld({ ...filesOf("own", "ours"), ...filesOf("theirs", "theirs") }, "own");
  await tenant("add", "acme", "--max-connections", "60", "--max-storage-mb", "64");
  up = await startTenant("acme", "theirs");
  http = JSON.parse((await up.shows(/^\{"http".*\}$/m))[0]).http;
}, 120_000);
afterAll(async () => {
  for (const nats of connections) await nats.close();
  up?.kill("SIGTERM");
  await up?.ended;
  await up?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

const run = (args: readonly string[]): Promise<Ended> =>
  narun(args, { cwd: world.folder.dir, limitMs: 60_000 });

async function tenant(...args: string[]): Promise<Ended> {
  const ended = await run(["tenant", ...args, "--data-dir", world.folder.path("data"), "--json"]);
  return ended;
}

async function startTenant(name: string, ...args: string[]): Promise<Narun> {
  const own = ["--tenant", `${name}.tenant`, "--data-dir", world.folder.path(`data-${name}`)];
  return startNarun(["up", "--json", ...FREE_PORTS, ...own, ...args], {
    limitMs: 600_000,
    cwd: world.folder.dir,
  });
}

/** The operator of the network, or of a tenant. */
async function operator(dataDir: string): Promise<Nats> {
  const folder = world.folder.path(`${dataDir}/network`);
  const login = { creds: { file: `${folder}/logins/cli.creds` }, ca: { file: `${folder}/ca.pem` } };
  const nats = await connectNats({ url: world.nats, login, name: dataDir });
  connections.push(nats);
  return nats;
}

const command = (dataDir: string, ...args: string[]) => {
  const folder = world.folder.path(`${dataDir}/network`);
  const login = ["--creds", `${folder}/logins/cli.creds`, "--tls-ca", `${folder}/ca.pem`];
  return run([...args, "--nats", world.nats, ...login]);
};

it("is served by an `up` of its own; keys are in files for their user alone; names are taken once", async () => {
  expect(await (await fetch(`${http}/theirs`)).text()).toBe("of theirs");
  expect(await (await fetch(`${world.http}/ours`)).text()).toBe("of ours");
  expect((await fetch(`${http}/ours`)).status).toBe(404);
  expect((await fetch(`${world.http}/theirs`)).status).toBe(404);
  expect((await stat(world.folder.path("acme.tenant"))).mode & 0o077).toBe(0);
  expect((await stat(world.folder.path("data-acme/network/tenant.json"))).mode & 0o077).toBe(0);
  expect((await tenant("add", "acme", "--out", "again")).stderr).toContain("TENANT_EXISTS");
  expect((await tenant("rm", "nobody")).stderr).toContain("TENANT_UNKNOWN");
  const { stdout } = await tenant("ls");
  expect(JSON.parse(stdout)).toMatchObject([{ name: "acme", maxConnections: 60, maxStorageMb: 64 }]);
}, 60_000);

it("lists its own functions, nodes and instances, and no other's", async () => {
  for (const [dataDir, own, other] of [
    ["data", "ours", "theirs"],
    ["data-acme", "theirs", "ours"],
  ] as const) {
    for (const args of [["ls"], ["ps"], ["services", "ls"]]) {
      const { stdout, stderr } = await command(dataDir, ...args, "--json");
      expect(stdout, `${args} ${stderr}`).not.toContain(other);
      if (args[0] !== "services") expect(stdout, stderr).toContain(own);
    }
    expect(JSON.parse((await command(dataDir, "nodes", "--json")).stdout)).toHaveLength(1);
    const foreign = await command(dataDir, "invoke", other, "--json");
    expect(foreign.stderr).toMatch(/FUNCTION_NOT_FOUND|NO_ROUTE|not found/i);
  }
}, 90_000);

it("reads, writes and hears nothing of the other: values, objects, events, instances, discovery", async () => {
  await fetch(`${http}/theirs`);
  await fetch(`${world.http}/ours`);
  const [ours, theirs] = [await operator("data"), await operator("data-acme")];
  // Names are the same on both sides; the data is each one's own.
  const text = async (nats: Nats) => {
    const value = await openByteKv(nats, "things").get("a");
    return new TextDecoder().decode(value?.bytes);
  };
  expect([await text(ours), await text(theirs)]).toEqual(["of ours", "of theirs"]);
  await openByteKv(theirs, "things").put("stranger", new TextEncoder().encode("x"));
  expect(await openByteKv(ours, "things").get("stranger")).toBeUndefined();
  expect(await streamsOf(theirs)).toEqual(await streamsOf(ours));

  const heard: string[] = [];
  const all = theirs.connection.subscribe(">", {
    callback: (_error, message) => void heard.push(message.subject),
  });
  await theirs.connection.flush();
  const [marked, last] = ["marked.subject", "last.of.all"];
  for (let index = 0; index < 5; index++) await fetch(`${world.http}/ours`);
  ours.connection.publish(marked, "");
  await ours.connection.flush();
  theirs.connection.publish(last, "");
  await eventually(() => expect(heard).toContain(last));
  all.unsubscribe();
  expect(heard).not.toContain(marked);
  const own = `narun.${ours.world.id}.`;
  expect(heard.filter((subject) => subject.startsWith(own) || subject.includes("ours"))).toEqual([]);
  // A request to the other's function finds no instance.
  await expect(theirs.connection.request("ours", "", { timeout: 5_000 })).rejects.toThrow(/no responders/i);
  const services: string[] = [];
  for await (const message of await theirs.connection.requestMany("$SRV.PING", "", {
    maxWait: 2_000,
    strategy: "stall",
  } as never))
    services.push(message.string());
  expect(services.join()).toContain("theirs");
  expect(services.join()).not.toContain("ours");
}, 60_000);

async function streamsOf(nats: Nats): Promise<string[]> {
  const reply = await nats.request("$JS.API.STREAM.NAMES", "{}", { timeoutMs: 5_000 });
  const names: string[] = JSON.parse(reply.text()).streams;
  // The nodes of a network let others join.
  return names.filter((name) => name !== "KV_narun-joins").toSorted();
}

it("has the bounds that it was given, which are not the others'", async () => {
  const theirs = await operator("data-acme");
  const info = JSON.parse((await theirs.request("$JS.API.INFO", "", { timeoutMs: 5_000 })).text());
  expect(info.limits.max_storage).toBe(64 * 1024 * 1024);
  const folder = world.folder.path("data-acme/network");
  const login = { creds: { file: `${folder}/logins/cli.creds` }, ca: { file: `${folder}/ca.pem` } };
  const more: Nats[] = [];
  const refused = async () => {
    for (let index = 0; index < 70; index++)
      more.push(await connectNats({ url: world.nats, login, worldId: "none", name: "more" }));
  };
  await expect(refused()).rejects.toMatchObject({ code: expect.stringMatching(/^NATS_/) });
  expect((await command("data", "ls")).code).toBe(0);
  for (const nats of more) await nats.close();
}, 60_000);

it("has its file written again, which serves as the first one does", async () => {
  const again = world.folder.path("again.tenant");
  const exported = await tenant("export", "acme", "--out", again);
  expect(JSON.parse(exported.stdout)).toMatchObject({ name: "acme", file: again });
  expect((await stat(again)).mode & 0o077).toBe(0);
  expect(JSON.parse(await readFile(again, "utf8"))).toEqual(
    JSON.parse(await readFile(world.folder.path("acme.tenant"), "utf8")),
  );
  for (const [name, code] of [
    ["nobody", "TENANT_UNKNOWN"],
    ["acme", "USAGE"],
  ] as const)
    expect((await tenant("export", name, "--out", name === "acme" ? again : "x")).stderr).toContain(code);
  expect((await tenant("export")).stderr).toContain("needs a name");
}, 60_000);

it("changes over to a new key of a role, the network's own stay; the former one is refused", async () => {
  const own = world.folder.path("data");
  const keysNow = (): AccountKeys =>
    JSON.parse(readFileSync(world.folder.path("data-acme/network/tenant.json"), "utf8")).keys;
  const [before, ofNetwork] = [keysNow(), readNetwork(own)?.keys.roles];
  const former = createLogin(roleKey(before, "author"));
  const login = async (creds: string) => {
    const options = { url: world.nats, login: { creds, ca: world.ca }, worldId: "none", name: "test" };
    await (await connectNats(options)).close();
    return "in";
  };
  expect(await login(former)).toBe("in");
  for (const role of ["author", "host"] as const)
    expect(
      await run(["network", "rotate", role, "--of", "acme", "--grace", "0s", "--data-dir", own]),
    ).toMatchObject({ code: 0 });
  await expect(login(former)).rejects.toMatchObject({ code: "NATS_LOGIN_REFUSED" });
  // The `up` of the tenant takes the keys over, and serves on with logins of them.
  await eventually(
    async () => {
      const now = keysNow();
      for (const role of ["author", "host"] as const)
        expect(publicOf(now.roles[role][0])).not.toBe(publicOf(before.roles[role][0]));
      expect(await login(createLogin(roleKey(now, "author")))).toBe("in");
      expect(await (await fetch(`${http}/theirs`)).text()).toBe("of theirs");
      expect(JSON.parse((await command("data-acme", "nodes", "--json")).stdout)).toMatchObject([
        { state: "running" },
      ]);
    },
    { timeoutMs: 60_000 },
  );
  expect(readNetwork(own)?.keys.roles).toEqual(ofNetwork);
  const unknown = await run(["network", "rotate", "author", "--of", "nobody", "--data-dir", own, "--json"]);
  expect(unknown.stderr).toContain("TENANT_UNKNOWN");
}, 240_000);

it("is removed with everything that it has stored, and its logins are refused", async () => {
  await tenant("add", "brief");
  const brief = await startTenant("brief", "theirs");
  const [line] = await brief.shows(/^\{"http".*\}$/m);
  expect(await (await fetch(`${JSON.parse(line).http}/theirs`)).text()).toBe("of theirs");
  brief.kill("SIGTERM");
  await brief.ended;
  expect(await tenant("rm", "brief")).toMatchObject({ code: 0 });
  const refused = await command("data-brief", "ls", "--json");
  expect(refused.stderr).toContain("NATS_LOGIN_REFUSED");
  // A tenant of the same name begins anew.
  expect(await tenant("add", "brief", "--out", "anew.tenant")).toMatchObject({ code: 0 });
  expect((await command("data-brief", "ls", "--json")).stderr).toContain("NATS_LOGIN_REFUSED");
  const others = await command("data-acme", "ls", "--json");
  expect(others).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(others.stdout)).toHaveLength(1);
}, 120_000);
