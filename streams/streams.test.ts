/** A stream over a link in memory whose frames arrive one by one, as the test says. */
import { describe, expect, it } from "vitest";
import { CreditWindow } from "./credit.ts";
import { StreamReceiver } from "./receiver.ts";
import { StreamSender } from "./sender.ts";
import { type Arrival, MemoryLink } from "./testing/memory-link.ts";
import { randomFrom } from "./testing/random.ts";
import { recordEnds } from "./testing/record-ends.ts";

function connect(windowBytes = 1_000_000, onMessage?: (bytes: Uint8Array, hasMore: boolean) => void) {
  const toReceiver = new MemoryLink();
  const toSender = new MemoryLink();
  const received: Uint8Array[] = [];
  const { ends, onEnd } = recordEnds();
  const cancels: string[] = [];
  const sender = new StreamSender({ link: toReceiver, onCancel: (code) => cancels.push(code) });
  const receiver = new StreamReceiver({
    link: toSender,
    onData: (bytes) => received.push(bytes),
    onMessage: (_kind, bytes, hasMore) => onMessage?.(bytes, hasMore),
    onEnd,
  });
  const deliver = ({ frame, ...arrived }: Arrival) => {
    if (frame.kind === "credit" || frame.kind === "cancel") sender.receive(frame);
    else if (frame.kind !== "drain") receiver.receive(frame, arrived);
  };
  const window = new CreditWindow(windowBytes, (bytes) => receiver.grant(bytes));
  return {
    sender,
    receiver,
    window,
    received,
    ends,
    cancels,
    toReceiver,
    toSender,
    /** Delivers the next frame of a link; false where there is none. */
    deliver(link: MemoryLink) {
      const next = link.shift();
      if (next !== undefined) deliver(next);
      return next !== undefined;
    },
    overdrawn: () => toReceiver.sentBytes > toSender.grantedBytes,
    whole: () => Buffer.concat(received),
  };
}

describe("a stream", () => {
  it("brings every byte once and in order, never beyond the credit, whatever the sizes and the timing", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomFrom(seed);
      const stream = connect(1 + Math.floor(random() * 200_000));
      const body = Buffer.from(
        Array.from({ length: Math.floor(random() * 300_000) }, (_, at) => (at * 31) % 251),
      );
      let written = 0;
      stream.window.open();
      for (let step = 0; step < 100_000 && stream.ends.length === 0; step++) {
        const before = stream.received.length;
        const choice = random();
        if (choice < 0.4 && written < body.length) {
          const size = Math.ceil(random() * 90_000);
          stream.sender.write(body.subarray(written, written + size));
          written = Math.min(body.length, written + size);
        } else if (choice < 0.7) stream.deliver(stream.toReceiver);
        else stream.deliver(stream.toSender);
        if (written === body.length) stream.sender.end();
        for (const bytes of stream.received.slice(before)) stream.window.consumed(bytes.length);
        expect(stream.overdrawn()).toBe(false);
      }
      expect(stream.ends).toEqual([{ kind: "whole", trailers: new Map(), code: "", reason: "" }]);
      expect(stream.whole().equals(body)).toBe(true);
    }
  });

  it("bounds messages of a WebSocket that have no bytes", () => {
    const stream = connect();
    stream.receiver.grant(6_400);
    stream.deliver(stream.toSender);
    for (let n = 0; n < 1_000; n++) stream.sender.message("text", new Uint8Array());
    expect(stream.toReceiver.arrivals).toHaveLength(100);
    expect(stream.sender.waitingBytes).toBe(900 * 64);
    stream.sender.drop();
    expect(stream.sender.waitingBytes).toBe(0);
  });

  it("never has more messages under way than the window has room for, each with what it costs beside its bytes", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = randomFrom(seed);
      const windowBytes = 1_000 + Math.floor(random() * 50_000);
      const unread: number[] = [];
      const stream = connect(windowBytes, (bytes) => void unread.push(bytes.byteLength));
      let left = 1_000;
      stream.window.open();
      for (let step = 0; left > 0 || stream.sender.waitingBytes > 0; step++) {
        const choice = random();
        if (choice < 0.5 && left > 0) {
          left -= 1;
          stream.sender.message("text", new Uint8Array(random() < 0.9 ? 1 : Math.floor(random() * 2_000)));
        } else if (choice < 0.7) stream.deliver(stream.toReceiver);
        else if (choice < 0.9) stream.deliver(stream.toSender);
        else for (const bytes of unread.splice(0)) stream.window.consumed(bytes + 64);
        const underWay = [...unread, ...stream.toReceiver.arrivals.map(({ data }) => data.byteLength)];
        const cost = underWay.reduce((sum, bytes) => sum + bytes + 64, 0);
        // The overhead of the last message may be over the credit.
        expect(cost).toBeLessThanOrEqual(windowBytes + 64);
        expect(step).toBeLessThan(100_000);
      }
    }
  });

  it("carries messages of any size in fragments, and pays back what they cost", () => {
    const messages: number[] = [];
    let size = 0;
    const stream = connect(1_000, (bytes, hasMore) => {
      size += bytes.byteLength;
      if (!hasMore) {
        messages.push(size);
        size = 0;
      }
      stream.window.consumed(bytes.byteLength + 64);
    });
    stream.window.open();
    const sizes = Array.from({ length: 300 }, (_, n) => (n * 37) % 2_500);
    for (const one of sizes) stream.sender.message("binary", new Uint8Array(one));
    while (stream.deliver(stream.toSender) || stream.deliver(stream.toReceiver));
    expect(messages).toEqual(sizes);
    expect(stream.sender.waitingBytes).toBe(0);
  });

  it("is broken by a lost frame, and its sender is told to stop", () => {
    const stream = connect();
    stream.receiver.grant(1_000_000);
    stream.deliver(stream.toSender);
    for (let n = 0; n < 3; n++) stream.sender.write(Buffer.from(`part ${n}`));
    stream.toReceiver.arrivals.splice(1, 1);
    while (stream.deliver(stream.toReceiver));
    while (stream.deliver(stream.toSender));
    expect(stream.whole().toString()).toBe("part 0");
    expect(stream.ends).toEqual([{ kind: "broken", code: "STREAM_BROKEN" }]);
    expect(stream.cancels).toEqual(["STREAM_BROKEN"]);
  });

  it("says at once that it broke, though what was written had no room yet", () => {
    const stream = connect();
    stream.sender.write(Buffer.from("never sent"));
    stream.sender.break("HANDLER_THREW");
    stream.deliver(stream.toReceiver);
    expect(stream.ends).toEqual([{ kind: "broken", code: "HANDLER_THREW" }]);
    expect(stream.received).toEqual([]);
  });

  it("carries trailers with its end", () => {
    const stream = connect();
    stream.sender.end(new Map([["Grpc-Status", ["0"]]]));
    stream.deliver(stream.toReceiver);
    expect(stream.ends).toEqual([
      { kind: "whole", trailers: new Map([["Grpc-Status", ["0"]]]), code: "", reason: "" },
    ]);
  });

  it("sends nothing after its receiver has cancelled", () => {
    const stream = connect();
    stream.receiver.grant(10);
    stream.deliver(stream.toSender);
    stream.receiver.cancel("CLIENT_GONE");
    stream.deliver(stream.toSender);
    stream.sender.write(Buffer.from("late"));
    stream.sender.end();
    expect(stream.cancels).toEqual(["CLIENT_GONE"]);
    expect(stream.toReceiver.arrivals).toEqual([]);
  });
});
