import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FrameBatch, requestFlags, SOCKET_VERSION, socketFrames } from "../contracts/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import {
  createHostLinks,
  type HostLinks,
  type LocalRequest,
  type LocalServer,
  listenLocal,
  type RequestReceiver,
} from "./index.ts";
import { recordReplies } from "./testing/record-replies.ts";
import { onFrames, send, startScriptedHost } from "./testing/scripted-host.ts";
import { MACHINE, makeSocketFolder, type SocketFolder } from "./testing/socket-folder.ts";

let folder: SocketFolder;
let links: HostLinks;
let server: LocalServer | undefined;
let warnings: string[];
const warn = (_fields: object, message: string) => warnings.push(message);

beforeEach(async () => {
  folder = await makeSocketFolder();
  warnings = [];
  server = undefined;
  links = createHostLinks({ world: "w", prefix: "_INBOX.x.", peer: "p", warn });
});
afterEach(async () => {
  links.close();
  await server?.close();
  await folder[Symbol.asyncDispose]();
});

const listen = async () => {
  server = await listenLocal({ path: folder.path, machine: MACHINE, world: "w", warn });
  return server;
};
const addressOf = (number: number) => ({ machine: MACHINE, path: folder.path, number });
const held = async () => {
  const link = links.hold(addressOf(0));
  await eventually(() => expect(link.isOpen).toBe(true));
  return link;
};
const GATEWAY_HELLO = { version: SOCKET_VERSION, machine: MACHINE, world: "w", prefix: "x.", peer: "p" };
/** A gigabyte of answers. */
const SLOW = { timeoutMs: 60_000 };
const request = { instance: 7, flags: 1, hops: 2, timeoutMs: 30_000, head: "GET\n", body: undefined };

describe("a request over a socket", () => {
  it("comes to its instance, and its response to its sender", async () => {
    const seen: LocalRequest[] = [];
    let body = "";
    (await listen()).register(7, (came) => {
      seen.push(came);
      body = Buffer.from(came.body ?? "").toString();
      came.respond(200, "content-type\ntext/plain\n", "hällo");
    });
    const link = await held();
    const replies = recordReplies();
    expect(link.request(35, { ...request, body: Buffer.from("body") }, replies)).toBe(true);
    expect(await replies.over).toEqual([["response", 200, "content-type\ntext/plain\n", "hällo"]]);
    expect(seen[0]).toMatchObject({
      number: 35,
      instance: 7,
      flags: 1,
      hops: 2,
      timeoutMs: 30_000,
      head: "GET\n",
    });
    expect(seen[0]).toMatchObject({ id: "_INBOX.x.z", peer: "p", isConnected: true });
    expect(body).toBe("body");
    expect(link.size).toBe(0);
  });

  it("gets an error with the value of its limit", async () => {
    (await listen()).register(7, (came) => came.fail("CPU_LIMIT", 50));
    const link = await held();
    const replies = recordReplies();
    link.request(1, request, replies);
    expect(await replies.over).toEqual([["error", "CPU_LIMIT", 50]]);
  });

  it("to an unknown instance has not begun", async () => {
    const server = await listen();
    const end = server.register(7, (came) => came.respond(200, "", ""));
    end();
    const link = await held();
    const replies = recordReplies();
    link.request(1, request, replies);
    expect(await replies.over).toEqual([["error", "INSTANCE_DRAINING", undefined]]);
  });

  it("and its answer travel in frames, with trailers", async () => {
    const heard: unknown[][] = [];
    (await listen()).register(7, (came) => {
      came.receiver = {
        onFrame(frame, payload, trailers) {
          heard.push([frame, Buffer.from(payload).toString(), trailers]);
          if (frame.kind !== "end") return;
          came.begin(200, "x\ny\n");
          came.frame({ kind: "data", seq: 0 }, Buffer.alloc(65_536, "d"), () => heard.push(["left"]));
          came.frame({ kind: "end", seq: 1, code: "" }, "", undefined, "x-sum\n1\n");
          came.finish();
        },
        onEnd: () => heard.push(["end"]),
      };
      came.frame({ kind: "credit", bytes: 5 }, "");
    });
    const link = await held();
    const replies = recordReplies();
    link.request(1, { ...request, flags: requestFlags.streams | requestFlags.streamedBody }, replies);
    link.frame(1, { kind: "data", seq: 0 }, Buffer.from("up"));
    link.frame(1, { kind: "end", seq: 1, code: "" }, "", undefined, "x-up\n2\n");
    expect(await replies.over).toEqual([
      ["frame", { kind: "credit", bytes: 5 }, "", ""],
      ["head", 200, "x\ny\n"],
      ["frame", { kind: "data", seq: 0 }, "d".repeat(65_536), ""],
      ["frame", { kind: "end", seq: 1, code: "" }, "", "x-sum\n1\n"],
    ]);
    expect(heard).toEqual([
      [{ kind: "data", seq: 0 }, "up", ""],
      [{ kind: "end", seq: 1, code: "" }, "", "x-up\n2\n"],
      ["left"],
    ]);
    link.release(1);
    expect(link.size).toBe(0);
  });

  it("is not sent where it fits into no frame", async () => {
    await listen();
    const link = await held();
    expect(link.request(1, { ...request, head: "€" }, recordReplies())).toBe(false);
    expect(link.size).toBe(0);
  });
});

describe("the connection to a host", () => {
  it("is one for all instances of the host, and ends with the last of them", async () => {
    const ended = Promise.withResolvers<void>();
    const came = Promise.withResolvers<LocalRequest>();
    (await listen()).register(7, (request) => {
      request.receiver = receiverOf(ended.resolve);
      came.resolve(request);
    });
    const link = await held();
    expect(links.hold(addressOf(1))).toBe(link);
    const replies = recordReplies();
    link.request(1, request, replies);
    links.drop(addressOf(0));
    links.drop(addressOf(1));
    const last = await came.promise;
    expect(link.isOpen).toBe(true);
    last.respond(200, "", "last");
    expect(await replies.over).toEqual([["response", 200, "", "last"]]);
    expect(link.isOpen).toBe(false);
    await eventually(() => expect(last.isConnected).toBe(false));
  });

  it("is opened again when it broke, after its requests heard of it", async () => {
    const first = await listen();
    const came = Promise.withResolvers<LocalRequest>();
    first.register(7, came.resolve);
    const link = await held();
    const replies = recordReplies();
    link.request(1, request, replies);
    const lost = await came.promise;
    const gone = Promise.withResolvers<void>();
    lost.receiver = receiverOf(gone.resolve);
    await first.close();
    expect(await replies.over).toEqual([["end"]]);
    await gone.promise;
    expect(link.request(2, request, recordReplies())).toBe(false);
    expect(lost.respond(200, "", "")).toBe(false);
    await listen();
    await eventually(() => expect(link.isOpen).toBe(true));
    expect(warnings).toEqual([]);
  });

  it("is opened again at once, however often it broke before", async () => {
    let connections = 0;
    await using _host = await startScriptedHost(folder.path, (socket) => {
      connections += 1;
      send(socket, (batch) => batch.hello(JSON.stringify({ version: SOCKET_VERSION, machine: MACHINE })));
      onFrames(socket, (type) => type === socketFrames.request && socket.destroy());
    });
    const link = await held();
    for (let round = 1; round <= 12; round++) {
      await eventually(() => expect(link.isOpen).toBe(true), SLOW);
      const replies = recordReplies();
      link.request(round, request, replies);
      expect(await replies.over).toEqual([["end"]]);
      expect(connections).toBe(round);
    }
  });

  it("ends also where the host has ended its side only, and reads nothing", async () => {
    await using _host = await startScriptedHost(folder.path, (socket) => {
      send(socket, (batch) => batch.hello(JSON.stringify({ version: SOCKET_VERSION, machine: MACHINE })));
      onFrames(socket, (type) => {
        if (type !== socketFrames.request) return;
        socket.pause();
        socket.end();
      });
    });
    const link = await held();
    const replies = recordReplies();
    link.request(1, request, recordReplies());
    link.request(2, { ...request, body: new Uint8Array(4_000_000) }, replies);
    expect(await replies.over).toEqual([["end"]]);
  });

  it("tells once that a payload has left, and not before", async () => {
    const host = Promise.withResolvers<Socket>();
    await using _host = await startScriptedHost(folder.path, (socket) => {
      send(socket, (batch) => batch.hello(JSON.stringify({ version: SOCKET_VERSION, machine: MACHINE })));
      socket.pause();
      host.resolve(socket);
    });
    const link = await held();
    link.request(1, { ...request, body: new Uint8Array(4_000_000) }, recordReplies());
    await turn();
    let left = 0;
    link.frame(1, { kind: "data", seq: 0 }, new Uint8Array(65_536), () => (left += 1));
    await turn();
    expect(left).toBe(0);
    let cameBytes = 0;
    (await host.promise).on("data", (bytes: Buffer) => (cameBytes += bytes.length)).resume();
    await eventually(() => expect(cameBytes).toBeGreaterThan(4_065_536));
    await eventually(() => expect(left).toBe(1));
    await turn();
    expect(left).toBe(1);
  });

  it("is not used where another machine answers", async () => {
    const asked = Promise.withResolvers<void>();
    await using _host = await startScriptedHost(folder.path, (socket) => {
      send(socket, (batch) => batch.hello(JSON.stringify({ version: SOCKET_VERSION, machine: "other" })));
      socket.on("close", asked.resolve);
    });
    const link = links.hold(addressOf(0));
    await asked.promise;
    expect(link.isOpen).toBe(false);
  });

  it.each([
    ["another world", { world: "other" }],
    ["another machine", { machine: "f".repeat(32) }],
    ["another version", { version: SOCKET_VERSION + 1 }],
  ])("is not served where the gateway says %s", async (_what, other) => {
    await listen();
    const socket = connect(folder.path);
    const bytes: Buffer[] = [];
    socket.on("data", (some: Buffer) => bytes.push(some));
    send(socket, (batch) => batch.hello(JSON.stringify({ ...GATEWAY_HELLO, ...other })));
    await once(socket, "close");
    expect(bytes).toEqual([]);
  });

  it("tells when its answers have left, and not before", async () => {
    const host = await listen();
    const answered = Promise.withResolvers<void>();
    host.register(7, (came) => {
      came.respond(200, "", Buffer.alloc(4_000_000));
      answered.resolve();
    });
    await host.answersLeft();
    const socket = connect(folder.path);
    socket.pause();
    send(socket, (batch) => batch.hello(JSON.stringify(GATEWAY_HELLO)));
    send(socket, (batch) => batch.request(1, 7, 0, 0, 1_000, "GET\n", undefined));
    await answered.promise;
    let haveLeft = false;
    const left = host.answersLeft().then(() => {
      haveLeft = true;
    });
    await turn();
    await turn();
    expect(haveLeft).toBe(false);
    socket.resume();
    await left;
  });

  it("holds up a gateway that does not read", async () => {
    let count = 0;
    (await listen()).register(7, (came) => {
      count += 1;
      came.respond(200, "", Buffer.alloc(60_000));
    });
    const socket = connect(folder.path);
    socket.pause();
    send(socket, (batch) => batch.hello(JSON.stringify(GATEWAY_HELLO)));
    const all = 20_000;
    send(socket, (batch) => {
      for (let number = 0; number < all; number++)
        batch.request(number, 7, 0, 0, 1_000, "h".repeat(100), undefined);
    });
    await eventually(() => expect(socket.writableLength).toBeGreaterThan(0));
    let before = -1;
    await eventually(() => {
      const isStill = before === count;
      before = count;
      expect(isStill && count > 0).toBe(true);
    }, SLOW);
    expect(count).toBeLessThan(all / 2);
    socket.resume();
    await eventually(() => expect(count).toBe(all), SLOW);
    socket.destroy();
  }, 120_000);
});

describe("a host that breaks the rules", () => {
  const response = (number: number) => (batch: FrameBatch) => batch.response(number, 200, "", "wrong");
  it.each<[string, (batch: FrameBatch) => void]>([
    ["answers a request that nobody sent", response(99)],
    ["answers twice", (batch) => [response(1)(batch), response(1)(batch)]],
    ["sends a frame for a request that nobody sent", (batch) => batch.stream(99, "data 0", "", "x")],
    ["sends a frame that is none", (batch) => batch.stream(1, "dato 0", "", "x")],
    ["sends an error that is none", (batch) => batch.error(1, "NO_SUCH_CODE", 1)],
    ["sends a status that is none", (batch) => batch.response(1, 99, "", "")],
    ["sends a request", (batch) => batch.request(1, 7, 0, 0, 0, "", undefined)],
    ["greets twice", (batch) => batch.hello("{}")],
  ])("%s: its connection ends", async (_what, lie) => {
    let connections = 0;
    await using _host = await startScriptedHost(folder.path, (socket) => {
      connections += 1;
      send(socket, (batch) => batch.hello(JSON.stringify({ version: SOCKET_VERSION, machine: MACHINE })));
      onFrames(socket, (type) => {
        if (type === socketFrames.request) send(socket, lie);
      });
    });
    const link = await held();
    const [replies, others] = [recordReplies(), recordReplies()];
    link.request(1, request, replies);
    link.request(2, request, others);
    expect(await others.over).toEqual([["end"]]);
    expect(warnings).toEqual(["a host broke the rules of its socket: requests go over NATS"]);
    await eventually(() => expect(connections).toBe(2));
  });
});

function receiverOf(onEnd: () => void): RequestReceiver {
  return { onFrame: () => undefined, onEnd };
}
