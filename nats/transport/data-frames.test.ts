import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { DataFrames } from "./data-frames.ts";

/** Both ends of a TCP connection. */
async function connectPair(): Promise<{ near: Socket; far: Socket } & AsyncDisposable> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [far] = (await once(server, "connection")) as [Socket];
  return {
    near,
    far,
    async [Symbol.asyncDispose]() {
      near.destroy();
      far.destroy();
      server.close();
    },
  };
}

describe("data frames", () => {
  it("leave whole and in order, and say when their memory is free, in order too", async () => {
    await using pair = await connectPair();
    const frames = new DataFrames();
    frames.connect(pair.near);
    // Nobody reads yet: much of it waits.
    const sizes = Array.from({ length: 300 }, (_, at) => [10, 70_000, 4_096, 4_097, 0, 40_000][at % 6] ?? 0);
    const expected: Buffer[] = [];
    const sent: number[] = [];
    sizes.forEach((size, seq) => {
      const bytes = Buffer.alloc(size, `${seq} `);
      const fields = `NATS/1.0\r\nNarun-Frame: data ${seq}\r\n\r\n`;
      const line = `HPUB a.b ${fields.length} ${fields.length + size}\r\n`;
      expected.push(Buffer.from(line + fields), Buffer.from(bytes), Buffer.from("\r\n"));
      frames.send("a.b", seq, bytes, () => {
        sent.push(seq);
        bytes.fill("!");
      });
    });
    const whole = Buffer.concat(expected);
    const read: Buffer[] = [];
    let size = 0;
    for await (const chunk of pair.far as AsyncIterable<Buffer>) {
      read.push(chunk);
      size += chunk.byteLength;
      if (size >= whole.byteLength) break;
    }
    expect(Buffer.concat(read).equals(whole)).toBe(true);
    expect(sent).toEqual(sizes.map((_, seq) => seq));
  });

  it("are dropped while there is no connection", async () => {
    const frames = new DataFrames();
    let isFree = false;
    frames.send("a.b", 0, Buffer.from("x"), () => {
      isFree = true;
    });
    expect(isFree).toBe(true);
  });

  it("are shown to whoever took their subject last", () => {
    const frames = new DataFrames();
    const [first, second] = [1, 2].map(() => ({ beginData: () => true, data: () => undefined }));
    const endFirst = frames.take("a", first as never);
    const endSecond = frames.take("a", second as never);
    endFirst();
    expect(frames.sinkOf("a")).toBe(second);
    endSecond();
    expect(frames.sinkOf("a")).toBeUndefined();
  });
});
