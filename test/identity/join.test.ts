/**
 * Three nodes of one network on addresses of this machine: each begins with a token, and none of them is the first. A tenant is
 * served by an `up` of its own beside them.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readNetwork } from "../../cli/network/network-facts.ts";
import { type Ended, FREE_PORTS, type Narun, narun, startNarun } from "../../cli/testing/narun.ts";
import { createWorkFolder, type WorkFolder } from "../../cli/testing/work-folder.ts";
import { connectNats, publicOf } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";

interface Member {
  name: string;
  data: string;
  up: Narun;
  http: string;
  nats: string;
}

const LIMIT_MS = 380_000;
/** Counts in a bucket: the answer has the new number. */
const TALLY = `export default async (request, env) => {
  const count = Number((await env.TALLY.get("count")) ?? 0) + 1;
  await env.TALLY.put("count", String(count));
  return new Response(String(count));
};\n`;
let folder: WorkFolder;
const members: Member[] = [];
let tenant: Member | undefined;

beforeAll(async () => {
  folder = await createWorkFolder({
    "functions/hello/index.ts": "export default () => new Response('hi');\n",
    "more/later/index.ts": "export default () => new Response('later');\n",
    "theirs/tally/index.ts": TALLY,
    "theirs/tally/narun.yaml": "bindings:\n  - { name: TALLY, kv: tally }\n",
  });
});
afterAll(async () => {
  // The tenant first: it ends by its servers.
  const all = tenant === undefined ? members : [tenant, ...members];
  for (const { up } of all) {
    up.kill("SIGTERM");
    await up.ended;
    await up[Symbol.asyncDispose]();
  }
  await folder?.[Symbol.asyncDispose]();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

function start(
  name: string,
  cluster: number,
  args: readonly string[],
  env: Record<string, string> = {},
): Narun {
  const data = folder.path(name);
  const own = ["--data-dir", data, "--cluster", `127.0.0.1:${cluster}`, "--name", name, "--json"];
  return startNarun(["up", ...FREE_PORTS, ...own, ...args], { cwd: folder.dir, limitMs: LIMIT_MS, env });
}

async function begin(name: string, args: readonly string[], env?: Record<string, string>): Promise<Member> {
  const up = start(name, await freePort(), args, env);
  const member = { name, data: folder.path(name), up, http: "", nats: "" };
  members.push(member);
  const [line] = await up.shows(/^\{"http".*\}$/m);
  return Object.assign(member, JSON.parse(line));
}

async function command({ data, nats }: Member, ...args: string[]): Promise<Ended> {
  const login = ["--creds", `${data}/network/logins/cli.creds`, "--tls-ca", `${data}/network/ca.pem`];
  return narun([...args, "--nats", nats, ...login], { cwd: folder.dir, limitMs: 60_000 });
}

async function createToken({ data }: Member, ...args: string[]): Promise<string> {
  const { stdout } = await narun(["token", "create", "--data-dir", data, "--json", ...args]);
  return JSON.parse(stdout).token;
}

const target = (token: string, { nats }: Member) => `${token}@${new URL(nats).host}`;

/** The code with which a node that wants to join ends. */
async function refusal(name: string, to: string): Promise<string | undefined> {
  await using up = start(name, await freePort(), ["--join", to]);
  const { stdout, stderr } = await up.ended;
  const [, code] = /"code":"(JOIN_[A-Z_]+|NATS_[A-Z_]+)"/.exec(stdout + stderr) ?? [];
  return code ?? stdout + stderr;
}

/** Of a process, on Linux. Empty for one that has just ended. */
function commandLine(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

/** No secret of the network is in a log or a command line of its nodes, nor is the token. */
function expectHidden(some: readonly Member[], token: string): void {
  const facts = JSON.stringify(readNetwork(some[0]?.data ?? ""));
  const seeds = facts.match(/\bS[A-Z2-7]{57}\b/g) ?? [];
  const [, key = ""] = /PRIVATE KEY-----\\n([\w+/=]+)/.exec(facts) ?? [];
  const ofSecrets = readFileSync(`${some[0]?.data}/secrets.key`, "utf8").trim();
  // Both have the same keys by now, of all roles.
  expect(JSON.stringify(readNetwork(some[1]?.data ?? ""))).toContain(seeds[0]);
  expect([seeds.length >= 8, key.length > 20, ofSecrets.length > 20]).toEqual([true, true, true]);
  const lines = some.flatMap(({ up }) =>
    [up.child.pid, ...up.descendants().map(({ pid }) => pid)].map(commandLine),
  );
  const shown = [...lines, ...some.flatMap(({ up }) => [up.stdout, up.stderr])].join("\n");
  expect(shown.match(/node-runner started/g)).toHaveLength(some.length);
  for (const secret of [...seeds, key, ofSecrets, token, token.split(".")[2] ?? ""])
    expect(shown.includes(secret)).toBe(false);
}

it(
  "joins by tokens, each for one node",
  async () => {
    const first = await begin("one", ["functions"]);
    expect(await (await fetch(`${first.http}/hello`)).text()).toBe("hi");
    // A server that waits for its cluster says nothing that looks like a failure.
    expect(first.up.stderr).not.toMatch(/\[(?:WRN|ERR)\]/);

    const token = await createToken(first);
    const second = await begin("two", ["--join", target(token, first), "--log-level", "debug"]);
    expect(await refusal("again", target(token, first))).toBe("JOIN_TOKEN_USED");
    expect(await refusal("strange", target(`${token.slice(0, 20)}0000${token.slice(24)}`, first))).toBe(
      "JOIN_TOKEN_FOREIGN",
    );
    expect(await refusal("nonsense", `no-token@${new URL(first.nats).host}`)).toBe("JOIN_TOKEN_INVALID");
    // The second node makes tokens like the first, and lets nodes in.
    const further = await createToken(second);
    // The variable keeps the token out of the process list.
    const third = await begin("three", ["--log-level", "debug"], { NARUN_JOIN: target(further, second) });
    expectHidden([second, third], further);
    await eventually(
      async () => {
        const { stdout } = await command(third, "nodes", "--json");
        const names = JSON.parse(stdout).map((one: { node: string }) => one.node);
        expect(names.toSorted()).toEqual(["one", "three", "two"]);
      },
      { timeoutMs: 30_000 },
    );
    for (const { http } of [second, third])
      await eventually(async () => expect(await (await fetch(`${http}/hello`)).text()).toBe("hi"), {
        timeoutMs: 30_000,
      });

    await waitForCopies(third);
  },
  LIMIT_MS,
);

it(
  "serves a tenant: its streams get copies at all servers, within its bounds",
  async () => {
    const [first, , third] = members;
    if (first === undefined || third === undefined) throw new Error("the nodes are not there");
    // The order goes by another node than the server that the tenant connects to.
    const file = folder.path("acme.tenant");
    const bounds = ["--max-storage-mb", "400", "--out", file, "--data-dir", third.data];
    expect(await narun(["tenant", "add", "acme", ...bounds])).toMatchObject({ code: 0 });
    const data = folder.path("acme");
    const own = ["--tenant", file, "--data-dir", data, "--nats", first.nats, "--json", "theirs"];
    const up = startNarun(["up", ...FREE_PORTS, ...own], { cwd: folder.dir, limitMs: LIMIT_MS });
    tenant = { name: "acme", data, up, http: "", nats: first.nats };
    const [line] = await up.shows(/^\{"http".*\}$/m);
    Object.assign(tenant, { http: JSON.parse(line).http });
    expect(await (await fetch(`${tenant.http}/tally`)).text()).toBe("1");
    await waitForCopies(tenant);
    const listed = JSON.parse((await command(tenant, "nodes", "--json")).stdout);
    expect(listed).toHaveLength(1);
    for (const { http } of members) expect((await fetch(`${http}/tally`)).status).toBe(404);
  },
  LIMIT_MS,
);

it(
  "without the first node the others serve and take orders, and the tenant goes on",
  async () => {
    const [first, second, third] = members;
    if (first === undefined || second === undefined || third === undefined) throw new Error("no nodes");
    const counted = async () => Number(await (await fetch(`${tenant?.http}/tally`)).text());
    const before = await counted();
    first.up.kill("SIGKILL");
    await first.up[Symbol.asyncDispose]();
    members.shift();
    // No count that was told is lost.
    await eventually(async () => expect(await counted()).toBeGreaterThan(before), { timeoutMs: 60_000 });
    for (const { http } of members)
      await eventually(async () => expect(await (await fetch(`${http}/hello`)).text()).toBe("hi"), {
        timeoutMs: 60_000,
      });
    await eventually(
      async () => {
        const { code, stderr } = await command(second, "push", "more/later");
        expect({ code, stderr }).toMatchObject({ code: 0 });
      },
      { timeoutMs: 90_000 },
    );
    await eventually(async () => expect(await (await fetch(`${third.http}/later`)).text()).toBe("later"), {
      timeoutMs: 60_000,
    });
    // The first is like every other: a fourth joins by the second.
    const fourth = await begin("four", ["--join", target(await createToken(second), second)]);
    await eventually(async () => expect(await (await fetch(`${fourth.http}/later`)).text()).toBe("later"), {
      timeoutMs: 60_000,
    });
    // A new key of a role is every node's, also of the node that joined last.
    const version = readNetwork(third.data)?.version ?? 0;
    const rotated = await narun(["network", "rotate", "host", "--data-dir", third.data, "--json"]);
    expect(rotated).toMatchObject({ code: 0 });
    const rest = [second, third, fourth];
    await eventually(
      () => {
        const all = rest.map(({ data }) => readNetwork(data));
        for (const facts of all) expect(facts?.version).toBeGreaterThan(version);
        expect(new Set(all.map((facts) => publicOf(facts?.keys.roles.host[0] ?? ""))).size).toBe(1);
      },
      { timeoutMs: 60_000 },
    );
    for (const { http } of rest) expect(await (await fetch(`${http}/hello`)).text()).toBe("hi");
    expect(await counted()).toBeGreaterThan(before);
  },
  LIMIT_MS,
);

/** `narun up` gives each stream three copies when the third server is there. */
async function waitForCopies({ data, nats: url }: Member): Promise<void> {
  const login = {
    creds: { file: `${data}/network/logins/cli.creds` },
    ca: { file: `${data}/network/ca.pem` },
  };
  const nats = await connectNats({ url, login, name: "test" });
  const ask = async (subject: string, body: object) =>
    JSON.parse((await nats.request(subject, JSON.stringify(body), { timeoutMs: 10_000 })).text());
  await eventually(
    async () => {
      const now = await ask("$JS.API.STREAM.LIST", {});
      for (const { cluster } of now.streams)
        expect(cluster.replicas?.filter((one: { current: boolean }) => one.current)).toHaveLength(2);
    },
    { timeoutMs: 90_000 },
  );
  await nats.close();
}
