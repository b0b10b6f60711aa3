/** Requests of a gateway of the same machine to an instance, over the real socket of its host. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type Announcement,
  type Frame,
  FunctionConfigSchema,
  formatRequestHead,
  InquiryReplySchema,
  type RequestHead,
  requestFlags,
  subjects,
} from "../../contracts/index.ts";
import {
  createHostLinks,
  type HostLink,
  type HostLinks,
  type LocalServer,
  listenLocal,
} from "../../local/index.ts";
import { connectNats, Ledger, type Nats } from "../../nats/index.ts";
import { createPeers, type Peers } from "../../streams/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import type { Instance } from "./instance.ts";
import type { IncomingRequest, SandboxOwner } from "./sandbox.ts";
import { createSourceMaps } from "./source-maps.ts";
import { startInstance } from "./start-instance.ts";
import { MemorySandbox } from "./testing/memory-sandbox.ts";

const MACHINE = "0123456789abcdef0123456789abcdef";
const NUMBER = 7;
const PREFIX = "_INBOX.local.";

let server: TestNats;
let nats: Nats;
let caller: Nats;
let peers: Peers;
let ledger: Ledger;
let folder: string;
let door: LocalServer;
let links: HostLinks;
let link: HostLink;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "host" });
  caller = await connectNats({ url: server.url, name: "gateway" });
  peers = createPeers(nats);
  ledger = new Ledger(nats);
  folder = await mkdtemp(join(tmpdir(), "n-"));
  const path = join(folder, "s");
  const warn = (fields: object, message: string) => {
    throw new Error(`${message}: ${JSON.stringify(fields)}`);
  };
  const world = nats.world.id;
  door = await listenLocal({ path, machine: MACHINE, world, warn });
  links = createHostLinks({ world, prefix: PREFIX, peer: "gateway", warn });
  link = links.hold({ path, machine: MACHINE, number: NUMBER });
  await eventually(() => expect(link.isOpen).toBe(true));
});
afterAll(async () => {
  links.close();
  await door.close();
  peers.close();
  ledger.close();
  await Promise.all([nats.close(), caller.close()]);
  await server.close();
  await rm(folder, { recursive: true });
});

interface Handling {
  id: number;
  request: IncomingRequest;
  sandbox: MemorySandbox;
  requests: SandboxOwner["requests"];
}

/** An instance whose code is `handle`, at the number of the tests. */
async function startFunction(name: string, handle: (handling: Handling) => void, limits: object = {}) {
  let sandbox = new MemorySandbox();
  const ready = Promise.withResolvers<Announcement>();
  const lines: string[] = [];
  caller.subscribe(subjects.announcement(name, name), (message) => ready.resolve(JSON.parse(message.text())));
  caller.subscribe(subjects.log(name, "n"), (message) => lines.push(JSON.parse(message.text()).message));
  await caller.flush();
  const started = await startInstance(
    {
      ...{ nats, peers, ledger, instance: name, node: "n", revision: "0".repeat(64) },
      config: FunctionConfigSchema.parse({ name, routes: [], limits }),
      place: {
        address: { machine: MACHINE, path: join(folder, "s"), number: NUMBER },
        register: (take) => door.register(NUMBER, take),
        answersLeft: () => door.answersLeft(),
      },
      sourceMaps: createSourceMaps(() => undefined),
      onIdle: () => undefined,
      onFull: () => undefined,
      onCondemned: () => undefined,
      onGone: () => undefined,
    },
    (owner) => {
      sandbox = new MemorySandbox({
        handle: (id, request) => handle({ id, request, sandbox, requests: owner.requests }),
        onSocketMessage: (id, data) => owner.requests.socketMessage(id, data),
      });
      return sandbox;
    },
  );
  const { instance } = started;
  if (instance === undefined) throw new Error("it did not start");
  return { instance, sandbox, lines, announced: await ready.promise, end: () => endOf(instance) };
}

const endOf = (instance: Instance) => instance.drain({ reason: "idle", graceMs: 1_000, closesSockets: true });

let lastNumber = 0;

interface Sending extends Partial<RequestHead> {
  flags?: number;
  body?: string;
}

/** Sends a request as a gateway does. All that comes back is in `heard`. */
function send({ flags = requestFlags.streams, body, ...head }: Sending = {}) {
  const number = ++lastNumber;
  const heard: unknown[][] = [];
  const over = Promise.withResolvers<unknown[]>();
  const last = (...event: unknown[]) => {
    heard.push(event);
    over.resolve(event);
  };
  const text = (body: Uint8Array | string | undefined) =>
    typeof body === "string" ? body : body && Buffer.from(body).toString();
  const isSent = link.request(
    number,
    {
      instance: NUMBER,
      flags,
      hops: 1,
      timeoutMs: 5_000,
      head: formatRequestHead({
        ...{
          method: "GET",
          scheme: "http",
          host: "h",
          rawPath: "/p",
          query: "",
          requestId: "q1",
          remoteAddress: "",
        },
        ...{ block: "x-a\n1\n", ...head },
      }),
      body: body === undefined ? undefined : Buffer.from(body),
    },
    {
      onResponse: (status, block, bytes) => last(status, block, text(bytes)),
      onHead: (...answer) => heard.push(answer),
      onError: (...error) => last(...error),
      onFrame(frame, payload) {
        if (frame.kind === "end" || frame.kind === "break") last(frame.kind, text(payload));
        else heard.push([frame.kind, text(payload)]);
      },
      onEnd: () => last("the connection ended"),
    },
  );
  expect(isSent).toBe(true);
  const say = (frame: Frame, payload = "") => link.frame(number, frame, Buffer.from(payload));
  return { number, heard, over: over.promise, say };
}

const stateOf = async (instance: string, number: number) => {
  const question = JSON.stringify({ requests: [PREFIX + number.toString(36)] });
  const reply = await caller.request(subjects.inquiries(instance), question, { timeoutMs: 5_000 });
  return InquiryReplySchema.parse(JSON.parse(reply.text())).states[0];
};

it("comes to its handler as it was sent, and its answer to the gateway; the statistics count it", async () => {
  const seen: IncomingRequest[] = [];
  const fn = await startFunction("whole", ({ id, request, requests }) => {
    seen.push(request);
    if (request.method === "POST") requests.respond(id, 201, "content-type\ntext/plain\n", "made");
    else requests.refuse(id, "threw", "Error: no");
  });
  expect(fn.announced).toMatchObject({ socket: { machine: MACHINE, number: NUMBER } });
  const post = send({ method: "POST", rawPath: "/a/../b", query: "q=1", body: "body" });
  expect(await post.over).toEqual([201, "content-type\ntext/plain\n", "made"]);
  expect(await send().over).toEqual(["HANDLER_THREW", undefined]);
  expect(seen[0]).toMatchObject({
    url: "http://h/b?q=1",
    headerBlock: "x-a\n1\nhost\nh\n",
    requestId: "q1",
    hops: 1,
  });
  await send({ flags: requestFlags.streams | requestFlags.upgrade, host: "" }).over;
  expect(seen[2]?.headerBlock).toBe("x-a\n1\nupgrade\nwebsocket\n");
  expect(seen[0]?.body).toBe("body");
  expect(seen[1]?.body).toBeUndefined();
  const stats = await caller.request("$SRV.STATS.whole", "", { timeoutMs: 5_000 });
  const { endpoints } = JSON.parse(stats.text());
  expect(endpoints[1]).toMatchObject({
    num_requests: 3,
    num_errors: 2,
    last_error: expect.stringMatching("HANDLER_THREW"),
  });
  expect([await stateOf("whole", post.number), await stateOf("whole", 999)]).toEqual([
    // An answer that took long is kept.
    expect.stringMatching(/^(over|repeated)$/),
    "new",
  ]);
  await fn.end();
});

it("has its answer checked as over NATS", async () => {
  const fields = [
    "bad name\nx\n",
    "connection\nclose\nX-Many\n1\nx-many\n2\nnarun-error\nx\n",
    "x\né\n",
    "x-odd\n1\nrest",
  ];
  const fn = await startFunction("checked", ({ id, request, requests }) =>
    requests.respond(
      id,
      200,
      fields[Number(request.url.at(-1))],
      request.method === "PUT" ? "x".repeat(70_000) : "x",
    ),
  );
  const ask = (n: number, method = "GET") => send({ rawPath: `/${n}`, method }).over;
  expect(await ask(0)).toEqual(["BAD_REPLY", undefined]);
  expect(await ask(1)).toEqual([200, "x-many\n1\nx-many\n2\n", "x"]);
  expect(await ask(2)).toEqual([200, "x\né\n", "x"]);
  expect(await ask(3)).toEqual([200, "x-odd\n1\n", "x"]);
  expect(await send({ rawPath: "/3", method: "PUT", flags: 0 }).over).toEqual([
    200,
    "x-odd\n1\n",
    "x".repeat(70_000),
  ]);
  await eventually(() => expect(fn.lines).toEqual([expect.stringMatching(/^BAD_REPLY: /)]));
  await fn.end();
});

it("streams its body up and its answer down, each under credit", async () => {
  const fn = await startFunction("streams", ({ id, request, sandbox, requests }) => {
    if (typeof request.body !== "number") return requests.respond(id, 200, "", 3);
    void sandbox.read(request.body).then((bytes) => requests.respond(id, 200, "", `read ${bytes}`));
  });
  const up = send({ method: "POST", flags: requestFlags.streams | requestFlags.streamedBody, body: "a " });
  await eventually(() => expect(up.heard).toEqual([["credit", ""]]));
  up.say({ kind: "data", seq: 0 }, "long ");
  up.say({ kind: "data", seq: 1 }, "body");
  up.say({ kind: "end", seq: 2, code: "" });
  expect(await up.over).toEqual([200, "", "read a long body"]);

  const down = send();
  await eventually(() => expect(down.heard).toEqual([[200, ""]]));
  expect(await stateOf("streams", down.number)).toBe("streaming");
  fn.sandbox.write(3, Buffer.from("one"));
  down.say({ kind: "credit", bytes: 100 });
  await eventually(() =>
    expect(down.heard).toEqual([
      [200, ""],
      ["data", "one"],
    ]),
  );
  fn.sandbox.end(3);
  expect(await down.over).toEqual(["end", ""]);
  await fn.end();
});

it("becomes a WebSocket", async () => {
  const fn = await startFunction("upgrade", ({ id, requests }) => requests.upgrade(id, ""));
  expect(await send({ flags: requestFlags.streams }).over).toEqual(["BAD_REPLY", undefined]);
  const socket = send({ flags: requestFlags.streams | requestFlags.upgrade });
  await eventually(() =>
    expect(socket.heard).toEqual([
      [101, ""],
      ["credit", ""],
    ]),
  );
  socket.say({ kind: "credit", bytes: 1_000 });
  socket.say({ kind: "text", seq: 0, hasMore: false }, "echo");
  await eventually(() => expect(socket.heard.at(-1)).toEqual(["text", "echo"]));
  socket.say({ kind: "end", seq: 1, code: "1000" }, "enough");
  expect(await socket.over).toEqual(["end", "enough"]);
  await fn.end();
});

it("is cancelled by its gateway, before its answer and in the middle of it", async () => {
  const fn = await startFunction("cancelled", ({ id, request, requests }) => {
    if (request.method === "PUT") requests.respond(id, 200, "", 5);
  });
  const [waiting, streaming] = [send(), send({ method: "PUT" })];
  await eventually(() => expect(streaming.heard).toHaveLength(1));
  for (const { say } of [waiting, streaming]) say({ kind: "cancel", code: "CLIENT_GONE" });
  await eventually(() => expect(fn.sandbox.forgotten).toEqual([1, 2]));
  expect(fn.sandbox.aborted).toEqual([
    [1, "client gone"],
    [2, "client gone"],
  ]);
  expect(fn.sandbox.cancelled).toEqual([5]);
  await fn.end();
});

it("has not begun where its instance drains, or its gateway was told that it never came", async () => {
  const fn = await startFunction("drains", ({ id, requests }) => requests.respond(id, 200, "", undefined));
  expect(await stateOf("drains", lastNumber + 1)).toBe("new");
  const calledOff = send();
  expect(await send().over).toEqual([200, "", undefined]);
  expect(calledOff.heard).toEqual([]);
  const ending = fn.end();
  expect(await send().over).toEqual(["INSTANCE_DRAINING", undefined]);
  await ending;
  expect(fn.sandbox.lastId).toBe(1);
});

it("keeps its answer for a gateway whose connection broke, and ends its stream", async () => {
  const fn = await startFunction("broken", ({ id, request, requests }) => {
    if (request.method === "PUT") requests.respond(id, 200, "", 5);
  });
  const waiting = send();
  const streaming = send({ method: "PUT" });
  await eventually(() => expect(streaming.heard).toHaveLength(1));
  links.close();
  expect(await waiting.over).toEqual(["the connection ended"]);
  await eventually(() => expect(fn.sandbox.aborted).toEqual([[2, "client gone"]]));
  expect(await stateOf("broken", waiting.number)).toBe("running");
  const repeated = Promise.withResolvers<string>();
  caller.subscribe(PREFIX + waiting.number.toString(36), (message) => repeated.resolve(message.text()));
  await caller.flush();
  fn.instance.requests.respond(1, 200, "", "late");
  expect(await stateOf("broken", waiting.number)).toBe("repeated");
  expect(await repeated.promise).toBe("late");
  await fn.end();
});
