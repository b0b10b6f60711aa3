/** Each kind of link carries whole streams: in a process, over a real NATS with two connections, and over a socket. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectNats, type Nats } from "../nats/connection.ts";
import { startTestNats, type TestNats } from "../test/harness/nats.ts";
import { CreditWindow } from "./credit.ts";
import type { Link } from "./link.ts";
import { frameOf, natsLink } from "./nats-channel.ts";
import { StreamReceiver } from "./receiver.ts";
import { StreamSender } from "./sender.ts";
import { SocketChannel } from "./socket-channel.ts";
import { type Arrival, MemoryLink } from "./testing/memory-link.ts";
import { recordEnds } from "./testing/record-ends.ts";
import { connectedPair, framesOver } from "./testing/socket-frames.ts";

let server: TestNats;
let sending: Nats;
let receiving: Nats;
beforeAll(async () => {
  server = await startTestNats();
  sending = await connectNats({ url: server.url, name: "sending" });
  receiving = await connectNats({ url: server.url, name: "receiving" });
});
const closers: (() => void)[] = [];
afterAll(async () => {
  for (const close of closers) close();
  await sending.close();
  await receiving.close();
  await server.close();
});

type Connect = (
  toReceiver: (arrival: Arrival) => void,
  toSender: (arrival: Arrival) => void,
  receiver: () => StreamReceiver,
) => Promise<{ up: Link; down: Link }>;

const inMemory: Connect = async (toReceiver, toSender) => ({
  up: new MemoryLink(toReceiver),
  down: new MemoryLink(toSender),
});

let streams = 0;
const overNats: Connect = async (toReceiver, toSender, receiver) => {
  const name = `links.${streams++}`;
  const hear = (nats: Nats, subject: string, arrived: (arrival: Arrival) => void) =>
    nats.subscribe(subject, (message) => {
      const frame = frameOf(message);
      if (frame !== undefined) arrived({ frame, data: message.data, headers: message.headers });
    });
  hear(receiving, `${name}.up`, toReceiver);
  hear(sending, `${name}.down`, toSender);
  receiving.takeData(`${name}.up`, {
    beginData: (seq) => receiver().beginData(seq),
    data: (bytes, lease) => receiver().data(bytes, lease),
  });
  await Promise.all([sending.flush(), receiving.flush()]);
  return { up: natsLink(sending, `${name}.up`), down: natsLink(receiving, `${name}.down`) };
};

const overSocket: Connect = async (toReceiver, toSender, receiver) => {
  const { ends, close } = await connectedPair();
  closers.push(close);
  const [near, far] = ends;
  const up: SocketChannel = new SocketChannel(
    framesOver(near, (frame) =>
      up.receive(frame, { receive: (kind, rest) => toSender({ frame: kind, ...rest }) }),
    ),
  );
  const down: SocketChannel = new SocketChannel(
    framesOver(far, (frame) =>
      down.receive(frame, { receive: (kind, rest) => toReceiver({ frame: kind, ...rest }) }),
    ),
  );
  down.takeData({
    beginData: (seq) => receiver().beginData(seq),
    data: (bytes, lease) => receiver().data(bytes, lease),
  });
  return { up: up.link, down: down.link };
};

async function openStream(connect: Connect, windowBytes: number) {
  const received: Buffer[] = [];
  const messages: [string, number][] = [];
  const cancelled = Promise.withResolvers<string>();
  const { first, onEnd } = recordEnds();
  let open = new Uint8Array();
  const { up, down } = await connect(
    ({ frame, ...arrived }) => {
      if ("seq" in frame) receiver.receive(frame, arrived);
    },
    ({ frame }) => {
      if (frame.kind === "credit" || frame.kind === "cancel") sender.receive(frame);
    },
    () => receiver,
  );
  const sender = new StreamSender({ link: up, onCancel: cancelled.resolve });
  const receiver = new StreamReceiver({
    link: down,
    onData(bytes) {
      // A copy: its memory is read into again.
      received.push(Buffer.from(bytes));
      window.consumed(bytes.byteLength);
    },
    onMessage(kind, bytes, hasMore) {
      open = Buffer.concat([open, bytes]);
      if (!hasMore) {
        messages.push([kind, open.byteLength]);
        open = new Uint8Array();
      }
      window.consumed(bytes.byteLength + 64);
    },
    onEnd,
  });
  const window = new CreditWindow(windowBytes, (bytes) => receiver.grant(bytes));
  window.open();
  return { sender, receiver, received, messages, end: first, cancelled: cancelled.promise };
}

describe.each([
  ["in memory", inMemory],
  ["over NATS", overNats],
  ["over a socket", overSocket],
])("a link %s", (_name, connect) => {
  it.each([100, 70_000, 1_000_000])("brings a body whole with a window of %i bytes", async (windowBytes) => {
    const body = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 31) % 251));
    const { sender, received, end } = await openStream(connect, windowBytes);
    for (let at = 0; at < body.length; at += 90_000) sender.write(body.subarray(at, at + 90_000));
    sender.end(new Map([["Grpc-Status", ["0"]]]));
    expect(await end).toEqual({
      kind: "whole",
      trailers: new Map([["Grpc-Status", ["0"]]]),
      code: "",
      reason: "",
    });
    expect(Buffer.concat(received).equals(body)).toBe(true);
  });

  it("brings messages of a WebSocket and its close", async () => {
    const sizes = Array.from({ length: 200 }, (_, n) => (n * 37) % 2_500);
    const { sender, messages, end } = await openStream(connect, 1_000);
    for (const size of sizes) sender.message("text", new Uint8Array(size));
    sender.close(1000, "enough");
    expect(await end).toMatchObject({ kind: "whole", code: "1000", reason: "enough" });
    expect(messages).toEqual(sizes.map((size) => ["text", size]));
  });

  it("tells a receiver of a break, though bytes wait for credit", async () => {
    const { sender, end } = await openStream(connect, 10);
    sender.write(Buffer.alloc(1_000));
    sender.break("HANDLER_THREW");
    expect(await end).toEqual({ kind: "broken", code: "HANDLER_THREW" });
  });

  it("tells a sender of a cancel", async () => {
    const { receiver, cancelled } = await openStream(connect, 10);
    receiver.cancel("CLIENT_GONE");
    expect(await cancelled).toBe("CLIENT_GONE");
  });
});
