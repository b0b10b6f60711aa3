import { expect, it } from "vitest";
import type { Frame } from "../contracts/index.ts";
import type { Arrived } from "./link.ts";
import { SocketChannel } from "./socket-channel.ts";

function open() {
  const listeners = new Set<() => void>();
  const channel = new SocketChannel({
    send: () => undefined,
    follow: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const received: { frame: Frame; arrived: Arrived }[] = [];
  return {
    channel,
    received,
    end: () => [...listeners].forEach((listener) => void listener()),
    bring: (frame: Frame, payload: Uint8Array, trailers = "") =>
      channel.receive(
        { frame, payload, trailers, lease: { hold: () => undefined } },
        { receive: (kind, arrived) => received.push({ frame: kind, arrived }) },
      ),
  };
}

it("the end of the connection is the asker's, until nobody follows", () => {
  const { channel, end } = open();
  const codes: string[] = [];
  channel.follow((code) => codes.push(code));
  channel.follow((code) => codes.push(`late ${code}`))();
  end();
  expect(codes).toEqual(["CLIENT_GONE"]);
});

it("bytes go to the sink from the memory that they were read into, and are kept in memory of their own without one", () => {
  const { channel, received, bring } = open();
  const payload = Buffer.from("bytes");
  const seen: Uint8Array[] = [];
  bring({ kind: "data", seq: 0 }, payload);
  const endTaking = channel.takeData({ beginData: (seq) => seq === 1, data: (bytes) => seen.push(bytes) });
  bring({ kind: "data", seq: 1 }, payload);
  bring({ kind: "data", seq: 7 }, payload);
  endTaking();
  bring({ kind: "data", seq: 2 }, payload);
  payload.fill(0);
  expect(seen).toEqual([payload]);
  expect(seen[0]?.buffer).toBe(payload.buffer);
  expect(received.map(({ arrived }) => Buffer.from(arrived.data).toString())).toEqual(["bytes", "bytes"]);
});

it("a message of a WebSocket is kept, and so are trailers", () => {
  const { received, bring } = open();
  const payload = Buffer.from("message");
  bring({ kind: "text", seq: 0, hasMore: false }, payload);
  bring({ kind: "end", seq: 1, code: "" }, Buffer.alloc(0), "Grpc-Status\n0\nX-A\n1\nX-A\n2\n");
  payload.fill(0);
  expect(Buffer.from(received[0]?.arrived.data ?? []).toString()).toBe("message");
  expect(received[1]?.arrived.headers).toEqual(
    new Map([
      ["Grpc-Status", ["0"]],
      ["X-A", ["1", "2"]],
    ]),
  );
});
