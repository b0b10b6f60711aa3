/** The logins that host processes really have, as the server tells them. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { readNetwork } from "../../cli/network/network-facts.ts";
import { claimsIn, connectNats, type Nats, systemLogin } from "../../nats/index.ts";
import { eventually } from "../harness/eventually.ts";
import { type ClosedWorld, startClosedWorld } from "./closed-world.ts";

const HELLO = `export default async (request, env) => {
  await env.THINGS.put("a", "kept");
  return new Response(await env.THINGS.get("a"));
};\n`;

let world: ClosedWorld;
let system: Nats;
beforeAll(async () => {
  const files = {
    "functions/hello/index.ts": HELLO,
    "functions/hello/narun.yaml": "bindings:\n  - { name: THINGS, kv: things }\n",
    "functions/apart/index.ts": "export default () => new Response('apart');\n",
    "functions/apart/narun.yaml": "trust: apart\n",
    "functions/noded/index.ts": "export default () => new Response('noded');\n",
    "functions/noded/narun.yaml": "mode: node\n",
    "later/index.ts": HELLO.replaceAll("THINGS", "OTHERS"),
    "later/narun.yaml": "name: later\nbindings:\n  - { name: OTHERS, kv: others }\n",
  };
  world = await startClosedWorld(files, "functions", "--host-login", "6s");
  const facts = readNetwork(world.folder.path("data"));
  if (facts === undefined) throw new Error("no network");
  const login = { creds: systemLogin(facts.keys, 3_600_000), ca: world.ca };
  system = await connectNats({ url: world.nats, login, worldId: "none", name: "test" });
});
afterAll(async () => {
  await system?.close();
  await world?.[Symbol.asyncDispose]();
});

interface HostUser {
  functions: string[];
  buckets: string[];
  exp: number;
}

/** The users of the host processes that are connected. */
async function hostUsers(): Promise<HostUser[]> {
  const reply = await system.request("$SYS.REQ.SERVER.PING.CONNZ", '{"auth":true}', { timeoutMs: 5_000 });
  const { connections } = JSON.parse(reply.text()).data as { connections: { name?: string; jwt?: string }[] };
  return connections.flatMap(({ name = "", jwt = "" }) => {
    if (!/^narun (?:host|process) of/.test(name)) return [];
    const { tags = [], exp = 0 } = claimsIn(jwt) ?? {};
    const of = (kind: string) =>
      tags.filter((tag) => tag.startsWith(kind)).map((tag) => tag.slice(kind.length));
    return { functions: of("fn:"), buckets: of("kv:"), exp };
  });
}

const call = async (path: string) => (await fetch(world.http + path)).text();

it("names the functions of the process and no others; follows a push; is renewed while calls go on", async () => {
  expect([await call("/hello"), await call("/apart"), await call("/noded")]).toEqual([
    "kept",
    "apart",
    "noded",
  ]);
  const users = await hostUsers();
  const of = (name: string) => users.filter(({ functions }) => functions.includes(name));
  expect(of("hello")).toMatchObject([{ functions: ["hello"], buckets: ["things"] }]);
  expect(of("apart")).toMatchObject([{ functions: ["apart"], buckets: [] }]);
  expect(of("noded")).toMatchObject([{ functions: ["noded"], buckets: [] }]);
  for (const { exp } of users) expect(exp * 1_000 - Date.now()).toBeLessThanOrEqual(6_000);

  const { code } = await world.narun("author", ["push", "later"]);
  expect(code).toBe(0);
  expect(await call("/later")).toBe("kept");
  const shared = (await hostUsers()).find(({ functions }) => functions.includes("later"));
  expect(shared).toMatchObject({ functions: ["hello", "later"], buckets: ["others", "things"] });

  // A whole life of the login later: it was renewed twice.
  const until = (shared?.exp ?? 0) + 6;
  await eventually(
    async () => {
      expect([await call("/hello"), await call("/later")]).toEqual(["kept", "kept"]);
      const now = (await hostUsers()).find(({ functions }) => functions.includes("later"));
      expect(now?.exp).toBeGreaterThan(until);
    },
    { timeoutMs: 60_000 },
  );
  expect(world.up.stderr).not.toContain("NATS_LOGIN_REFUSED");
}, 150_000);
