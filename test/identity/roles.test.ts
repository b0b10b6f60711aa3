/** Each role of contracts/identity/roles.ts at a real server: its rights and their end. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Role } from "../../contracts/index.ts";
import { connectNats, ensureJournals, Journals, type Nats, NoReplyError } from "../../nats/index.ts";
import { type ClosedWorld, startClosedWorld } from "./closed-world.ts";

type Tested = Exclude<Role, "join"> | "join";
const ALL: readonly Tested[] = ["gateway", "node", "host", "author", "cli", "join"];

let world: ClosedWorld;
const users = new Map<Tested, Nats>();

beforeAll(async () => {
  world = await startClosedWorld(
    { "functions/hello/index.ts": "export default () => new Response('hi');\n" },
    "functions",
  );
  for (const role of ALL) {
    const tags =
      role === "host"
        ? [
            "fn:hello",
            "act:hello",
            "kv:things",
            "obj:pictures",
            "svc:other",
            "pub:news.>",
            "wf:hello",
            "say:stock.>",
            "hear:stock.>",
          ]
        : [];
    users.set(role, await world.connect(role, { name: `the-${role}`, tags }));
  }
});
afterAll(() => world?.[Symbol.asyncDispose]());

/** Whether the server refuses what `act` does. */
async function isRefused(nats: Nats, subject: string, act: () => void): Promise<boolean> {
  let refused = false;
  const stop = nats.onRefused(({ fields }) => {
    refused ||= fields.subject === subject;
  });
  act();
  await nats.connection.flush();
  // The client library tells of the refusal, which came before the answer, in a later turn.
  await new Promise((resolve) => setImmediate(resolve));
  stop();
  return refused;
}

async function who(test: (nats: Nats) => Promise<boolean>): Promise<Tested[]> {
  const allowed: Tested[] = [];
  for (const [role, nats] of users) if (!(await test(nats))) allowed.push(role);
  return allowed;
}

const mayPublish = (subject: string) =>
  who((nats) => isRefused(nats, subject, () => nats.connection.publish(subject, "")));

const maySubscribe = (subject: string) =>
  who(async (nats) => {
    const heard = nats.connection.subscribe(subject, { callback: () => undefined });
    const refused = await isRefused(nats, subject, () => undefined);
    heard.unsubscribe();
    return refused;
  });

const W = "narun.0a1b2c3d";

describe("publish", () => {
  it.each<[string, readonly Tested[]]>([
    // Stores of narun.
    ["$KV.app-configs.hello", ["author", "cli"]],
    ["$KV.narun-secrets.key", ["author", "cli"]],
    ["$KV.narun-revisions.hello.1", ["author", "cli"]],
    ["$KV.node-runner-states.n1", ["node", "cli"]],
    ["$O.app-binaries.M.eA", ["author", "cli"]],
    ["$JS.API.DIRECT.GET.KV_narun-secrets.$KV.narun-secrets.key", ["node", "author", "cli"]],
    ["$JS.API.STREAM.MSG.GET.KV_narun-secrets", ["node", "author", "cli"]],
    ["$JS.API.CONSUMER.CREATE.KV_narun-secrets.c.$KV.narun-secrets.>", ["node", "author", "cli"]],
    ["$JS.API.STREAM.DELETE.KV_app-configs", ["cli"]],
    ["$JS.API.STREAM.PURGE.KV_narun-secrets", ["cli"]],
    ["$JS.API.STREAM.UPDATE.KV_app-configs", ["cli"]],
    // Streams of functions, and all of JetStream.
    ["$KV.things.key", ["node", "host", "cli"]],
    ["$KV.others.key", ["node", "cli"]],
    ["$O.pictures.C.1", ["node", "host", "cli"]],
    ["$O.others.C.1", ["node", "cli"]],
    ["$JS.API.STREAM.INFO.KV_things", ["node", "host", "cli"]],
    ["$JS.API.STREAM.INFO.KV_others", ["node", "cli"]],
    ["$JS.API.STREAM.CREATE.KV_things", ["node", "cli"]],
    ["$JS.API.STREAM.UPDATE.KV_things", ["node", "cli"]],
    ["$JS.API.STREAM.DELETE.KV_things", ["node", "cli"]],
    ["$JS.API.STREAM.NAMES", ["node", "cli"]],
    // Journals of workflows: its own alone.
    [`${W}.w.hello.1.log`, ["node", "host", "cli"]],
    [`${W}.w.other.1.log`, ["node", "cli"]],
    ["$JS.API.STREAM.MSG.GET.narun-workflows", ["node", "cli"]],
    [`$JS.API.DIRECT.GET.narun-workflows.${W}.w.hello.1.log`, ["node", "host", "cli"]],
    [`$JS.API.DIRECT.GET.narun-workflows.${W}.w.other.1.log`, ["node", "cli"]],
    ["$JS.API.DIRECT.GET.narun-workflows", ["node", "cli"]],
    [`$JS.API.CONSUMER.CREATE.narun-workflows.c.${W}.w.hello.1.*`, ["node", "host", "cli"]],
    [`$JS.API.CONSUMER.CREATE.narun-workflows.c.${W}.w.other.1.*`, ["node", "cli"]],
    ["$JS.API.CONSUMER.CREATE.narun-workflows", ["node", "cli"]],
    ["$JS.API.CONSUMER.MSG.NEXT.narun-workflows.due", ["node", "cli"]],
    // The registry: its actions, and its events alone.
    ["narun-registry.list", ["node", "author", "cli"]],
    [`${W}.e.3.narun-registry.appeared.hello`, ["gateway", "node", "cli"]],
    [`${W}.e.3.hello.made`, ["node", "cli"]],
    // Orders to nodes and instances, and their messages.
    [`${W}.demand.n1`, ["gateway", "node", "author", "cli"]],
    [`${W}.try.n1`, ["author", "cli"]],
    [`${W}.node.n1`, ["node", "cli"]],
    [`${W}.instance.hello.x`, ["node", "host", "cli"]],
    [`${W}.instance.other.x`, ["node", "cli"]],
    [`${W}.i.x`, ["gateway", "node", "author", "cli"]],
    ["logs.hello.n1", ["node", "host", "cli"]],
    ["logs.other.n1", ["node", "cli"]],
    ["status.hello.n1", ["node", "cli"]],
    // Functions and events.
    ["hello", ["gateway", "node", "author", "cli"]],
    ["other", ["gateway", "node", "host", "author", "cli"]],
    // Instances of the services that its functions call, and of no others.
    [`${W}.c.other.another.1`, ["node", "host", "cli"]],
    [`${W}.c.third.another.1`, ["node", "cli"]],
    ["$SRV.PING.third", ["gateway", "node", "author", "cli"]],
    [`${W}.invoke.third`, ["gateway", "node", "author", "cli"]],
    ["news.today", ["node", "host", "cli"]],
    ["orders.paid", ["node", "cli"]],
    ["$NARUN.join", ["node", "cli", "join"]],
    [`${W}.e.3.stock.sold`, ["node", "host", "cli"]],
    [`${W}.e.3.other.sold`, ["node", "cli"]],
    [`${W}.er.stock.sold`, ["node", "host", "cli"]],
    [`${W}.er.other.sold`, ["node", "cli"]],
    [`$JS.API.DIRECT.GET.narun-events.${W}.e.3.stock.sold`, ["gateway", "node", "host", "cli"]],
    [`$JS.API.DIRECT.GET.narun-events.${W}.e.3.other.sold`, ["gateway", "node", "cli"]],
    ["$JS.API.STREAM.MSG.GET.narun-events", ["gateway", "node", "cli"]],
    ["$JS.API.CONSUMER.CREATE.narun-events", ["gateway", "node", "cli"]],
    ["$JS.API.STREAM.DELETE.narun-events", ["node", "cli"]],
    ["$KV.narun-keys.directory", ["cli"]],
    ["$KV.narun-network.state", ["cli"]],
    ["$JS.API.DIRECT.GET.KV_narun-network.$KV.narun-network.state", ["node", "cli"]],
    ["$JS.API.STREAM.DELETE.KV_narun-network", ["cli"]],
    ["$KV.narun-mcp-keys.key", ["node", "cli"]],
  ])("%s: %j", async (subject, roles) => expect(await mayPublish(subject)).toEqual(roles));
});

describe("subscribe", () => {
  it.each<[string, readonly Tested[]]>([
    ["narun-registry.list", ["gateway", "node", "cli"]],
    ["narun-registry", ["gateway", "node", "cli"]],
    [">", ["node", "cli"]],
    ["_INBOX.x.1", ["node", "cli"]],
    ["_AUTHOR.the-author.1", ["author"]],
    ["_GATEWAY.the-gateway.1", ["gateway"]],
    ["_GATEWAY.the-other.1", []],
    ["_CLI.the-cli.1", ["cli"]],
    ["_NODE.the-node.1", ["node"]],
    ["_HOST.>", []],
    ["_HOST.the-host.1", ["host"]],
    ["_JOIN.the-join.1", ["join"]],
    ["hello", ["node", "host", "cli"]],
    ["hello.pay", ["node", "host", "cli"]],
    ["other.pay", ["node", "cli"]],
    ["other", ["node", "cli"]],
    [`${W}.i.the-host.1`, ["node", "host", "cli"]],
    [`${W}.i.another.1`, ["node", "cli"]],
    [`${W}.c.hello.the-host.1`, ["node", "host", "cli"]],
    [`${W}.c.hello.another.1`, ["node", "cli"]],
    [`${W}.c.third.the-host.1`, ["node", "cli"]],
    [`${W}.instance.other.*`, ["gateway", "node", "host", "author", "cli"]],
    [`${W}.instance.third.*`, ["gateway", "node", "author", "cli"]],
    [`${W}.i.*`, ["node", "cli"]],
    [`${W}.s.the-host.1.t.1`, ["gateway", "node", "host", "cli"]],
    [`${W}.s.another.t.1`, ["gateway", "node", "cli"]],
    [`${W}.demand.n1`, ["node", "cli"]],
    [`${W}.invoke.*`, ["gateway", "node", "cli"]],
    ["$SRV.*.hello", ["gateway", "node", "host", "cli"]],
    ["$SRV.*.other", ["gateway", "node", "cli"]],
    ["logs.>", ["node", "author", "cli"]],
    ["news.today", ["node", "cli"]],
    ["$KV.narun-secrets.>", ["cli"]],
    [`${W}.en.*.stock.sold`, ["gateway", "node", "host", "cli"]],
    [`${W}.en.*.other.sold`, ["gateway", "node", "cli"]],
    ["$NARUN.join", ["cli"]],
  ])("%s: %j", async (subject, roles) => expect(await maySubscribe(subject)).toEqual(roles));
});

it("a host finds its record of a workflow where the acknowledgement was lost", async () => {
  const node = users.get("node");
  if (node === undefined) throw new Error("no login");
  await ensureJournals(node);
  const creds = world.creds("host", { name: "another-host", tags: ["fn:hello", "wf:hello"] });
  // A host is told its world by its runner.
  const login = { creds, ca: world.ca };
  const host = await connectNats({ url: world.nats, login, name: "host", worldId: node.world.id });
  const journals = new Journals(losing(host, (subject) => subject.endsWith(".log")));
  const record = JSON.stringify({ at: 1, seen: 1, state: "running" });
  const seq = await journals.append({ workflow: "hello", id: "lost" }, record, 0);
  const stored = await new Journals(node).lastOf("narun.w.hello.lost.log");
  expect(seq).toBe(stored?.seq);
  expect(stored?.text).toBe(record);
  await host.close();
});

/** A connection that loses the first answer on a subject. */
function losing(nats: Nats, isLost: (subject: string) => boolean): Nats {
  let isLeft = true;
  const request: Nats["request"] = async (subject, ...rest) => {
    const reply = await nats.request(subject, ...rest);
    if (!isLeft || !isLost(subject)) return reply;
    isLeft = false;
    throw new NoReplyError("timeout", subject);
  };
  return new Proxy(nats, {
    get(target, key) {
      if (key === "request") return request;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
