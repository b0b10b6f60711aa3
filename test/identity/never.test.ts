/**
 * The lists of what a host and a node never do, at a real server. A host's binding may name any subject: here it names all of them,
 * so that nothing but the list refuses.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stores } from "../../contracts/index.ts";
import type { Nats } from "../../nats/index.ts";
import { type ClosedWorld, startClosedWorld } from "./closed-world.ts";

let world: ClosedWorld;
let host: Nats;
let node: Nats;
beforeAll(async () => {
  world = await startClosedWorld({});
  host = await world.connect("host", { name: "greedy", tags: ["fn:greedy", "pub:>"] });
  node = await world.connect("node", { name: "the-node" });
});
afterAll(() => world?.[Symbol.asyncDispose]());

/** The subjects that the server lets a user publish to, of these. */
async function allowedOf(nats: Nats, wanted: readonly string[]): Promise<string[]> {
  const refused = new Set<unknown>();
  const stop = nats.onRefused(({ fields }) => refused.add(fields.subject));
  for (const subject of wanted) nats.connection.publish(subject, "");
  await nats.connection.flush();
  // The client library tells of the refusals, which came before the answer, in a later turn.
  await new Promise((resolve) => setImmediate(resolve));
  stop();
  return wanted.filter((subject) => !refused.has(subject));
}

const W = "narun.0a1b2c3d";
const named = Object.values(stores);
const buckets = named.flatMap((store) => ("bucket" in store ? [store.bucket] : []));
const objects = named.flatMap((store) => ("objects" in store ? [store.objects] : []));
const { records, events, runs } = stores.runtara;
const streams = [
  ...named.flatMap((store) => ("stream" in store ? [store.stream] : [])),
  ...[records, events, runs],
];
/** Hosts read journals and events by subjects of their own. */
const shared: readonly string[] = [
  stores.workflows.stream,
  stores.events.stream,
  stores.retainedEvents.stream,
];

/** One request of each form. The names of requests are those of the server. */
const requestsAbout = (stream: string) => [
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.STREAM.PURGE.${stream}`,
  `$JS.API.STREAM.MSG.GET.${stream}`,
  `$JS.API.STREAM.MSG.DELETE.${stream}`,
  `$JS.API.STREAM.PEER.REMOVE.${stream}`,
  `$JS.API.STREAM.LEADER.STEPDOWN.${stream}`,
  `$JS.API.DIRECT.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}.key`,
  `$JS.API.CONSUMER.CREATE.${stream}`,
  `$JS.API.CONSUMER.LIST.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.c.key`,
  `$JS.API.CONSUMER.DELETE.${stream}.c`,
  `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.c`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.c`,
  `$JS.ACK.${stream}.c.1.2.3.4.5`,
];

describe("a host never", () => {
  const own = [
    ...buckets.map((bucket) => `KV_${bucket}`),
    ...objects.map((bucket) => `OBJ_${bucket}`),
    ...streams,
  ];

  it("has a login here that may publish elsewhere", async () => {
    expect(await allowedOf(host, ["anything.else", "$KV.others.key"])).toHaveLength(2);
  });

  it("writes the values of narun's stores", async () => {
    const subjects = [
      ...buckets.map((bucket) => `$KV.${bucket}.key`),
      ...objects.flatMap((bucket) => [`$O.${bucket}.C.1`, `$O.${bucket}.M.eA`]),
    ];
    expect(await allowedOf(host, subjects)).toEqual([]);
  });

  it.each(own.filter((stream) => !shared.includes(stream)))("asks about %s", async (stream) => {
    expect(await allowedOf(host, requestsAbout(stream))).toEqual([]);
  });

  it.each([...shared, "anything"])("makes, changes or takes away %s", async (stream) => {
    const orders = ["CREATE", "UPDATE", "DELETE", "RESTORE", "SNAPSHOT"];
    const subjects = orders.map((order) => `$JS.API.STREAM.${order}.${stream}`);
    expect(await allowedOf(host, subjects)).toEqual([]);
  });

  it("gives orders to nodes and servers, or takes the work of others", async () => {
    const { stream, consumer } = stores.workflows;
    const subjects = [
      ...["demand.n1", "try.n1", "node.n1", "claim.hello.n1"].map((rest) => `${W}.${rest}`),
      ...["$SYS.REQ.SERVER.PING", "$NARUN.join", "status.hello.n1"],
      `$JS.API.CONSUMER.DELETE.${stream}.${consumer}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    ];
    expect(await allowedOf(host, subjects)).toEqual([]);
  });
});

describe("a node never", () => {
  it.each(
    [stores.configs, stores.revisions, stores.secrets, stores.keys, stores.network].map(
      ({ bucket }) => bucket,
    ),
  )("writes, changes or takes away %s", async (bucket) => {
    const orders = ["UPDATE", "DELETE", "RESTORE", "PURGE", "MSG.DELETE"];
    const subjects = orders.map((order) => `$JS.API.STREAM.${order}.KV_${bucket}`);
    expect(await allowedOf(node, [`$KV.${bucket}.key`, ...subjects])).toEqual([]);
  });

  it.each([stores.binaries.objects, stores.files.objects])("replaces what %s has", async (bucket) => {
    const orders = ["UPDATE", "DELETE"].map((order) => `$JS.API.STREAM.${order}.OBJ_${bucket}`);
    expect(await allowedOf(node, [`$O.${bucket}.M.eA`, ...orders])).toEqual([]);
  });

  it("asks the system of its server, or tries revisions", async () => {
    expect(await allowedOf(node, ["$SYS.REQ.SERVER.PING", `${W}.try.n1`])).toEqual([]);
  });
});
