import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { NatsConnection } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import { bytesAsText } from "./byte-text.ts";
import { Lane } from "./lane.ts";
import { Writer } from "./writer.ts";

/** A writer, the far end of its socket, and a subscription that the library has not sent yet. */
async function open(): Promise<{ lane: Lane; writer: Writer; near: Socket; far: Socket } & AsyncDisposable> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [far] = (await once(server, "connection")) as [Socket];
  const lane = new Lane(near);
  let pending = "SUB a 1\r\n";
  const protocol = {
    connected: true,
    transport: { lane },
    flushPending() {
      if (pending !== "") lane.commands(Buffer.from(pending), () => undefined);
      pending = "";
    },
  };
  return {
    lane,
    writer: new Writer({ protocol } as unknown as NatsConnection),
    near,
    far,
    async [Symbol.asyncDispose]() {
      near.destroy();
      far.destroy();
      server.close();
    },
  };
}

async function read(socket: Socket, size: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of socket as AsyncIterable<Buffer>) {
    parts.push(part);
    if (parts.reduce((sum, { byteLength }) => sum + byteLength, 0) >= size) break;
  }
  return Buffer.concat(parts);
}

describe("the writer", () => {
  it("writes messages as NATS reads them, after what the library had to say", async () => {
    await using pair = await open();
    pair.writer.write({ subject: "a.b", payload: "plain" });
    pair.writer.write({ subject: "a.b", reply: "in.box", payload: new Uint8Array([0, 255, 13, 10]) });
    pair.writer.write({ subject: "a", fields: bytesAsText("Name: wört\r\n"), payload: bytesAsText("日本") });
    const expected = Buffer.concat([
      Buffer.from("SUB a 1\r\nPUB a.b 5\r\nplain\r\nPUB a.b in.box 4\r\n"),
      Buffer.from([0, 255, 13, 10]),
      Buffer.from("\r\nHPUB a 25 31\r\nNATS/1.0\r\nName: wört\r\n\r\n日本\r\n"),
    ]);
    expect((await read(pair.far, expected.byteLength)).toString("latin1")).toBe(expected.toString("latin1"));
  });

  it("keeps messages whole and in order, and says in that order that their memory is free", async () => {
    await using pair = await open();
    // The far end does not read yet: much of it waits.
    const sizes = Array.from({ length: 300 }, (_, at) => [10, 70_000, 4_096, 4_097, 0, 40_000][at % 6] ?? 0);
    const expected: Buffer[] = [];
    const sent: number[] = [];
    sizes.forEach((size, seq) => {
      const payload = Buffer.alloc(size, `${seq} `);
      expected.push(Buffer.from(`PUB a.b ${size}\r\n`), Buffer.from(payload), Buffer.from("\r\n"));
      const onSent = () => {
        sent.push(seq);
        payload.fill("!");
      };
      pair.writer.write({ subject: "a.b", payload, onSent: seq % 4 === 3 ? undefined : onSent });
    });
    const whole = Buffer.concat(expected);
    const arrived = await read(pair.far, whole.byteLength + "SUB a 1\r\n".length);
    expect(arrived.toString("latin1") === `SUB a 1\r\n${whole.toString("latin1")}`).toBe(true);
    expect(sent).toEqual(sizes.map((_, seq) => seq).filter((seq) => seq % 4 !== 3));
  });

  it("lets the library's commands in between messages, never into one", async () => {
    await using pair = await open();
    const large = "x".repeat(5_000);
    pair.writer.write({ subject: "a", payload: Buffer.from(large) });
    pair.lane.commands(Buffer.from("PONG\r\n"), () => undefined);
    pair.writer.write({ subject: "b", payload: "small" });
    pair.lane.commands(Buffer.from("PING\r\n"), () => undefined);
    const expected = `SUB a 1\r\nPUB a 5000\r\n${large}\r\nPONG\r\nPUB b 5\r\nsmall\r\nPING\r\n`;
    expect((await read(pair.far, expected.length)).toString()).toBe(expected);
  });

  it("writes a subject that is not ASCII as UTF-8", async () => {
    await using pair = await open();
    pair.writer.write({ subject: bytesAsText("grüße"), payload: "" });
    const expected = "SUB a 1\r\nPUB grüße 0\r\n\r\n";
    expect((await read(pair.far, Buffer.byteLength(expected))).toString()).toBe(expected);
  });

  it("drops what it is given while there is no connection", async () => {
    await using pair = await open();
    pair.near.destroy();
    let isFree = false;
    pair.writer.write({
      subject: "a",
      payload: "b",
      onSent: () => {
        isFree = true;
      },
    });
    expect([isFree, pair.writer.isOpen]).toEqual([true, false]);
  });
});
