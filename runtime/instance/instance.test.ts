import { afterAll, describe, expect, it } from "vitest";
import {
  type Announcement,
  FunctionConfigSchema,
  headerNames,
  type LogLine,
  subjects,
} from "../../contracts/index.ts";
import {
  connectNats,
  createHeaders,
  headerValue,
  Ledger,
  type Message,
  type Nats,
} from "../../nats/index.ts";
import {
  createPeers,
  createStreamPresence,
  frameOf,
  NatsAnswerer,
  OutgoingExchange,
  type RemainingBody,
  type ResponseBody,
} from "../../streams/index.ts";
import { startConfiguredNats } from "../../test/harness/configured-nats.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import type { IncomingRequest, SandboxOwner, SandboxStart } from "./sandbox.ts";
import { createSourceMaps } from "./source-maps.ts";
import { startInstance } from "./start-instance.ts";
import { MemorySandbox } from "./testing/memory-sandbox.ts";

const server = await startTestNats();
const nats = await connectNats({ url: server.url, name: "test" });
const peers = createPeers(nats);
const presence = createStreamPresence(nats);
const ledger = new Ledger(nats);
const caller = await connectNats({ url: server.url, name: "test" });

afterAll(async () => {
  peers.close();
  presence.close();
  ledger.close();
  await Promise.all([nats.close(), caller.close()]);
  await server.close();
});

interface Handling {
  id: number;
  request: IncomingRequest;
  sandbox: MemorySandbox;
  requests: SandboxOwner["requests"];
}

let instances = 0;

interface Starting {
  start?: SandboxStart;
  /** Called while the code starts. */
  onStart?(owner: SandboxOwner): void;
  /** The connection of the host. */
  through?: Nats;
  concurrency?: number;
}

/** Starts an instance whose code is `handle`. */
async function start(
  handle: (handling: Handling) => void,
  { start, onStart, through = nats, concurrency = 100 }: Starting = {},
) {
  const number = instances++;
  const [name, instance] = [`fn${number}`, `i${number}`];
  const announcements: Announcement[] = [];
  const lines: string[] = [];
  const told: unknown[] = [];
  caller.subscribe(subjects.announcement(name, instance), (message) => {
    announcements.push(JSON.parse(message.text()) as Announcement);
  });
  caller.subscribe(subjects.log(name, "node"), (message) => {
    lines.push((JSON.parse(message.text()) as LogLine).message);
  });
  await caller.flush();
  let sandbox: MemorySandbox | undefined;
  let owner: SandboxOwner | undefined;
  const started = await startInstance(
    {
      ...{ nats: through, peers, ledger, instance, node: "node", revision: "0".repeat(64) },
      config: FunctionConfigSchema.parse({ name, routes: [], scale: { concurrency } }),
      sourceMaps: createSourceMaps(() => undefined),
      onIdle: () => told.push("idle"),
      onFull: () => told.push("full"),
      onCondemned: () => told.push("condemned"),
      onGone: (...how) => told.push(["gone", ...how]),
    },
    (created) => {
      owner = created;
      const memory = new MemorySandbox({
        ...(start === undefined ? {} : { start }),
        onStart: () => onStart?.(created),
        handle: (id, request) => handle({ id, request, sandbox: memory, requests: created.requests }),
      });
      sandbox = memory;
      return memory;
    },
  );
  if (sandbox === undefined || owner === undefined) throw new Error("no sandbox was created");
  return {
    ...started,
    sandbox,
    owner,
    subject: subjects.instanceRequests(instance),
    callSubject: subjects.serviceCalls(name, instance),
    id: instance,
    announcements,
    lines,
    told,
  };
}

const TIMEOUT = { timeoutMs: 5_000 };

/** Sends a request as a gateway does; resolves with the head of the answer, and its body where that streams. */
function ask(instance: { subject: string; id: string }, rest?: RemainingBody) {
  const { promise, resolve } = Promise.withResolvers<{ head: Message; body: ResponseBody }>();
  const callerPresence = createStreamPresence(caller);
  const exchange = new OutgoingExchange({
    channel: new NatsAnswerer({ nats: caller, presence: callerPresence, answerer: instance.id }),
    rest,
  });
  const headers = createHeaders([[headerNames.stream, exchange.channel.token]]);
  if (rest !== undefined) headers.set(headerNames.body, ["stream"]);
  const over = () => {
    pending.release();
    exchange.close();
    callerPresence.close();
  };
  const pending = caller.send(instance.subject, new Uint8Array(), headers, (message) => {
    const frame = frameOf(message);
    exchange.channel.meet(message);
    if (frame !== undefined) exchange.receive(frame, message);
    else resolve({ head: message, body: exchange.openResponse(over) });
  });
  return promise;
}

function read(body: ResponseBody): Promise<{ text: string; end: string }> {
  const { promise, resolve } = Promise.withResolvers<{ text: string; end: string }>();
  let text = "";
  body.open({
    onData: (bytes) => {
      text += Buffer.from(bytes).toString();
      body.consumed(bytes.byteLength);
    },
    onEnd: (end) => resolve({ text, end: end.kind }),
  });
  return promise;
}

/** Resolves with the last request that is held, when there are so many. */
const heldBy = (held: Handling[], count: number) =>
  eventually(() => {
    const last = held[count - 1];
    if (last === undefined) throw new Error(`${held.length} requests are held, not ${count}`);
    return last;
  });

const statesOf = ({ announcements }: { announcements: Announcement[] }) =>
  announcements.map(({ state }) => state);

it("turns requests away where calls make it full, but for those of a request that it has, and tells of room", async () => {
  const held: Handling[] = [];
  const fn = await start((handling) => void held.push(handling), { concurrency: 1 });
  const send = (subject: string, requestId: string) =>
    caller.request(subject, "", { ...TIMEOUT, headers: createHeaders([[headerNames.requestId, requestId]]) });
  const answers = [send(fn.callSubject, "first")];
  await heldBy(held, 1);
  const refused = await send(fn.callSubject, "second");
  expect(headerValue(refused.headers, headerNames.error)).toBe("INSTANCE_FULL");
  const ofGateway = await send(fn.subject, "third");
  expect(headerValue(ofGateway.headers, headerNames.error)).toBe("INSTANCE_FULL");
  answers.push(send(fn.callSubject, "first"), send(fn.subject, "first"));
  await heldBy(held, 3);
  for (const { id, requests } of held) requests.respond(id, 200, "", "taken");
  expect((await Promise.all(answers)).map((answer) => answer.text())).toEqual(Array(3).fill("taken"));
  await eventually(() => expect(fn.announcements.at(-1)).toMatchObject({ state: "ready", room: 1 }));
  // Without calls gateways keep to the concurrency themselves.
  const more = [send(fn.subject, "fourth"), send(fn.subject, "fifth")];
  await heldBy(held, 5);
  for (const { id, requests } of held.slice(3)) requests.respond(id, 200, "", "taken");
  expect((await Promise.all(more)).map((answer) => answer.text())).toEqual(Array(2).fill("taken"));
});

it("lives over any sandbox: it is ready, answers, streams both ways, drains and ends", async () => {
  const held: Handling[] = [];
  const fn = await start((handling) => {
    const { id, request, sandbox, requests } = handling;
    if (typeof request.body === "number") {
      void sandbox.read(request.body).then((bytes) => requests.respond(id, 200, "", `read ${bytes}`));
    } else if (request.method === "POST") {
      requests.respond(id, 201, "x-mode\nmemory\n", `${request.body ?? ""}!`);
    } else if (held.length < 2) held.push(handling);
    // Requests that the server sent before it heard of the drain.
    else requests.respond(id, 200, "", undefined);
  });
  expect(fn.outcome).toMatchObject({ ok: true, phases: { memory: 0, register: expect.any(Number) } });
  await eventually(() => expect(statesOf(fn)).toEqual(["ready"]));

  const whole = await caller.request(fn.subject, "hello", TIMEOUT);
  expect(whole.text()).toBe("hello!");
  expect(headerValue(whole.headers, headerNames.responseStatus)).toBe("201");
  expect(headerValue(whole.headers, "X-Mode")).toBe("memory");

  const upload = await ask(fn, {
    pipe(sender) {
      sender.write(Buffer.from("a long "));
      sender.write(Buffer.from("body"));
      sender.end();
      return () => undefined;
    },
    cancel: () => undefined,
  });
  expect(upload.head.text()).toBe("read a long body");

  const asked = ask(fn);
  const streaming = await heldBy(held, 1);
  const last = caller.request(fn.subject, "", TIMEOUT);
  const plain = await heldBy(held, 2);
  streaming.requests.respond(streaming.id, 200, "", 7);
  const { head, body } = await asked;
  expect(headerValue(head.headers, headerNames.responseStatus)).toBe("200");
  const bytes = read(body);
  fn.sandbox.write(7, Buffer.from("before the drain, "));

  const gone = fn.instance?.drain({ reason: "idle", graceMs: 10_000, closesSockets: false });
  await eventually(() => expect(statesOf(fn)).toEqual(["ready", "draining"]));
  await eventually(async () => {
    await expect(caller.request(fn.subject, "", TIMEOUT)).rejects.toThrow();
  });
  fn.sandbox.write(7, Buffer.from("after it"));
  fn.sandbox.end(7);
  expect(await bytes).toEqual({ text: "before the drain, after it", end: "whole" });
  expect(fn.sandbox.isDisposed).toBe(false);
  plain.requests.respond(plain.id, 200, "", "the last answer");
  expect((await last).text()).toBe("the last answer");
  await gone;
  expect(fn.sandbox.isDisposed).toBe(true);
  const ids = Array.from({ length: fn.sandbox.lastId }, (_, index) => index + 1);
  expect(fn.sandbox.forgotten.toSorted((a, b) => a - b)).toEqual(ids);
  expect(fn.told).toEqual([["gone", "idle", undefined]]);
  await eventually(() => expect(statesOf(fn)).toEqual(["ready", "draining", "gone"]));
});

it("fails all open requests of a sandbox that broke a limit, and ends", async () => {
  const fn = await start(() => undefined);
  const answers = [caller.request(fn.subject, "", TIMEOUT), caller.request(fn.subject, "", TIMEOUT)];
  await eventually(() => expect(fn.sandbox.lastId).toBe(2));
  fn.owner.condemn("MEMORY_LIMIT", undefined, "it took too much");
  for (const { headers } of await Promise.all(answers))
    expect(headerValue(headers, headerNames.error)).toBe("MEMORY_LIMIT");
  await eventually(() => expect(fn.told).toEqual(["condemned", ["gone", "crashed", "MEMORY_LIMIT"]]));
  await eventually(() => expect(fn.lines).toEqual(["MEMORY_LIMIT: it took too much"]));
  expect(fn.sandbox.isDisposed).toBe(true);
});

it("leaves nothing of a start that failed but a line in its log", async () => {
  const fn = await start(() => undefined, {
    start: { ok: false, code: "NO_HANDLER", message: "nothing is exported" },
  });
  expect(fn.outcome).toEqual({ ok: false, code: "NO_HANDLER", message: "nothing is exported" });
  expect(fn.instance).toBeUndefined();
  expect(fn.sandbox.isDisposed).toBe(true);
  await expect(caller.request(fn.subject, "", TIMEOUT)).rejects.toThrow();
  await eventually(() => expect(fn.lines).toEqual(["NO_HANDLER: nothing is exported"]));
  expect(statesOf(fn)).toEqual([]);
});

describe("an instance that breaks a limit while it starts", () => {
  const afterIt = async (onStart: (owner: SandboxOwner) => void, states: Announcement["state"][]) => {
    const fn = await start(() => undefined, { onStart });
    await eventually(() => expect(fn.told).toEqual(["condemned", ["gone", "crashed", "MEMORY_LIMIT"]]));
    await eventually(() => expect(statesOf(fn)).toEqual(states));
    expect(fn.sandbox.isDisposed).toBe(true);
    await expect(caller.request(fn.subject, "", TIMEOUT)).rejects.toThrow();
    expect(statesOf(fn)).toEqual(states);
  };

  it("before it is registered is not announced ready, and leaves nothing", () =>
    afterIt((owner) => owner.condemn("MEMORY_LIMIT", undefined, undefined), ["draining", "gone"]));

  it("before its subscriptions are live leaves nothing", () =>
    afterIt(
      (owner) => {
        // The server takes no subscription until the instance is condemned.
        process.kill(server.pid, "SIGSTOP");
        setImmediate(() => {
          owner.condemn("MEMORY_LIMIT", undefined, undefined);
          process.kill(server.pid, "SIGCONT");
        });
      },
      ["ready", "draining", "gone"],
    ));
});

it("is live on the server when it is heard to be ready", async () => {
  const answers: Promise<Message>[] = [];
  caller.subscribe(subjects.announcementsAll, (message) => {
    const { state, instance } = JSON.parse(message.text()) as Announcement;
    if (state === "ready") answers.push(caller.request(subjects.instanceRequests(instance), "", TIMEOUT));
  });
  await caller.flush();
  for (let count = 1; count <= 20; count++) {
    await start(({ id, requests }) => requests.respond(id, 200, "", undefined));
    await eventually(() => expect(answers).toHaveLength(count));
  }
  for (const answer of await Promise.all(answers))
    expect(headerValue(answer.headers, headerNames.responseStatus)).toBe("200");
});

it("fails a start whose subscriptions the server refuses, and leaves nothing", async () => {
  const deny = `subscribe: { deny: "${nats.world.toWire(subjects.instanceRequests("*")).replace(nats.world.id, "*")}" }`;
  await using strict = await startConfiguredNats(
    `authorization { users: [{ user: "ann", password: "word", permissions: { ${deny} } }] }`,
  );
  const through = await connectNats({ url: `ann:word@${strict.host}`, name: "test" });
  const fn = await start(() => undefined, { through });
  expect(fn.outcome).toMatchObject({ ok: false, code: "NATS_PERMISSIONS_VIOLATION" });
  expect(fn.instance).toBeUndefined();
  expect(fn.sandbox.isDisposed).toBe(true);
  await through.close();
});
