import { describe, expect, it, vi } from "vitest";
import { FunctionConfigSchema, formatFrame, headerNames, subjects } from "../../contracts/index.ts";
import { createHeaders, type Message, type Nats } from "../../nats/index.ts";
import type { Peers } from "../../streams/index.ts";
import { InstanceTraces } from "./instance-traces.ts";
import { NatsCalls } from "./nats-call.ts";
import { OpenRequests } from "./open-requests.ts";
import { MemorySandbox } from "./testing/memory-sandbox.ts";

/** Requests whose sandbox and whose caller are the test. */
function setUp() {
  const listeners = new Set<unknown>();
  const followers = new Set<unknown>();
  const takers = new Set<unknown>();
  const add = (to: Set<unknown>, one: unknown) => {
    to.add(one);
    return () => to.delete(one);
  };
  const frames: string[] = [];
  const nats = {
    state: "connected",
    maxPayload: 1_000_000,
    publish: (_subject: string, _data: unknown, headers: Map<string, string[]>) =>
      void frames.push(headers.get(headerNames.frame)?.[0] ?? ""),
    sendData: (_subject: string, seq: number) => void frames.push(formatFrame({ kind: "data", seq })),
    takeData: (_subject: string, sink: unknown) => add(takers, sink),
    onState: (listener: unknown) => add(listeners, listener),
  } as unknown as Nats;
  const peers: Peers = { follow: (_peer, onLost) => add(followers, onLost), close: () => undefined };
  const config = FunctionConfigSchema.parse({
    name: "fn",
    routes: [],
    limits: { timeoutMs: 1_000, streamMs: 5_000, waitUntilMs: 500 },
  });
  const sandbox = new MemorySandbox();
  const calls = new NatsCalls({ nats, peers, instance: "instance", config });
  const requests = new OpenRequests({
    traces: new InstanceTraces({ service: "f", instance: "i", revision: "r", spans: undefined }),
    config,
    log: {
      write: () => undefined,
      say: () => undefined,
      dropped: () => undefined,
      close: async () => undefined,
    },
    sandbox,
  });
  const answers: string[] = [];
  const ends: (string | undefined)[] = [];
  let tokens = 0;
  return {
    requests,
    sandbox,
    answers,
    ends,
    frames,
    left: () => ({
      open: requests.size,
      listeners: listeners.size,
      followers: followers.size,
      takers: takers.size,
    }),
    open(how: "plain" | "stream" | "upload" | "upgrade") {
      const token = `0123456789abcdef.${tokens++}`;
      const fields: [string, string][] = [];
      if (how !== "plain") fields.push([headerNames.stream, token]);
      if (how === "upload") fields.push([headerNames.body, "stream"]);
      if (how === "upgrade") fields.push([headerNames.upgrade, "websocket"]);
      const message: Message = {
        subject: subjects.instanceRequests("instance"),
        data: new Uint8Array(),
        headers: createHeaders(fields),
        reply: "inbox",
        isReadable: true,
        status: 0,
        text: () => "",
        respond: (_data, headers) =>
          void answers.push(
            headers?.get(headerNames.error)?.[0] ?? headers?.get(headerNames.responseStatus)?.[0] ?? "",
          ),
      };
      const call = calls.open(message, (error) => ends.push(error));
      if (call !== undefined) requests.take(call, "gateway");
      return { id: sandbox.lastId, token };
    },
    say(token: string, frame: string) {
      const headers = createHeaders([[headerNames.frame, frame]]);
      calls.control(token, { headers, data: new Uint8Array() } as unknown as Message);
    },
  };
}

function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe("the requests of an instance", () => {
  it("are answered once and leave nothing, in every order of reports by sandbox and caller", () => {
    vi.useFakeTimers();
    try {
      for (let seed = 1; seed <= 300; seed++) {
        const random = randomFrom(seed);
        const world = setUp();
        const { requests, sandbox } = world;
        const kinds = ["plain", "stream", "upload", "upgrade"] as const;
        const opened = Array.from({ length: 6 }, () => world.open(kinds[random(4)] ?? "plain"));
        const acts: ((id: number, token: string) => void)[] = [
          (id) => requests.respond(id, 200, "", undefined),
          (id) => requests.respond(id, 200, "", 1 + random(5)),
          (id) => requests.respond(id, 101, "", 1 + random(5)),
          (id) => requests.respond(id, 200, "bad name\nx\n", 1 + random(5)),
          (id) => requests.respond(id, 200, "", new ArrayBuffer(200_000)),
          (id) => requests.refuse(id, "threw", "Error"),
          (id) => requests.upgrade(id, ""),
          (id) => requests.socketMessage(id, "x".repeat(random(300_000))),
          (id) => requests.socketClose(id, 1000, "ü".repeat(50)),
          (id) => requests.beginBackground(id),
          (id) => requests.endBackground(id),
          () => sandbox.write(1 + random(5), new Uint8Array(random(100_000))),
          () => sandbox.end(1 + random(5), random(2) === 0 ? undefined : "broke"),
          () => sandbox.grant(1 + random(5), 100_000),
          () => sandbox.cancel(1 + random(5)),
          (_id, token) => world.say(token, formatFrame({ kind: "credit", bytes: 65_536 })),
          (_id, token) => world.say(token, formatFrame({ kind: "data", seq: random(3) })),
          (_id, token) => world.say(token, formatFrame({ kind: "end", seq: random(3), code: "" })),
          (_id, token) => world.say(token, formatFrame({ kind: "break", seq: random(3), code: "X" })),
          (_id, token) => world.say(token, "cancel CLIENT_GONE"),
          (_id, token) => world.say(token, "cancel DEADLINE_EXCEEDED"),
          (id) => requests.fail(id, "CPU_LIMIT"),
          () => vi.advanceTimersByTime(random(400)),
        ];
        for (let step = 0; step < 60; step++) {
          const { id, token } = opened[random(opened.length)] ?? { id: 0, token: "" };
          acts[random(acts.length)]?.(id, token);
        }
        vi.advanceTimersByTime(10_000);
        sandbox.dispose();
        expect([seed, world.left()]).toEqual([seed, { open: 0, listeners: 0, followers: 0, takers: 0 }]);
        // Each request was done with once, and has at most one head.
        expect([seed, world.ends.length]).toEqual([seed, opened.length]);
        expect(world.answers.length).toBeLessThanOrEqual(opened.length);
        expect(sandbox.forgotten.toSorted()).toEqual(opened.map(({ id }) => id));
        expect(vi.getTimerCount()).toBe(0);
      }
    } finally {
      vi.useRealTimers();
    }
  });

  it("cancel the stream of an answer that comes too late, that HTTP cannot carry, or that is a second one", () => {
    const world = setUp();
    const late = world.open("stream");
    world.say(late.token, "cancel CLIENT_GONE");
    world.requests.respond(late.id, 200, "", 1);
    const bad = world.open("stream");
    world.requests.respond(bad.id, 200, "bad name\nx\n", 2);
    const twice = world.open("stream");
    world.requests.respond(twice.id, 200, "", 3);
    world.requests.respond(twice.id, 200, "", 4);
    expect(world.sandbox.cancelled).toEqual([1, 2, 4]);
    world.requests.failAll("CONSUMER_DIED");
  });

  it.each([
    ["a status that is none", 99, "", undefined],
    ["a status that is no number", "200", "", undefined],
    ["a block that is no text", 200, 5, undefined],
    ["a body that is neither text, nor bytes, nor a stream", 200, "", {}],
  ])("are not answered by %s", (_what, status, block, body) => {
    const world = setUp();
    world.requests.respond(world.open("plain").id, status, block, body);
    expect(world.answers).toEqual(["BAD_REPLY"]);
  });

  it("never switch protocols but for a WebSocket", () => {
    const world = setUp();
    for (const how of ["plain", "stream", "upgrade"] as const)
      world.requests.respond(world.open(how).id, 101, "", "text");
    expect(world.answers).toEqual(["BAD_REPLY", "BAD_REPLY", "BAD_REPLY"]);
  });

  it("end a WebSocket whose sandbox sends more than it was granted, or too much at once", () => {
    const world = setUp();
    const flood = world.open("upgrade");
    world.requests.upgrade(flood.id, "");
    for (let n = 0; n < 10; n++) world.requests.socketMessage(flood.id, "x".repeat(100_000));
    const huge = world.open("upgrade");
    world.requests.upgrade(huge.id, "");
    world.requests.socketMessage(huge.id, new ArrayBuffer(2_000_000));
    expect(world.left()).toEqual({ open: 0, listeners: 0, followers: 0, takers: 0 });
    expect(world.frames.filter((frame) => /^(end|break) /.test(frame))).toEqual([
      "break 0 CLIENT_GONE",
      "end 0 1009",
    ]);
  });
});
