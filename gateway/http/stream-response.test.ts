import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { OWNED } from "../../nats/index.ts";
import type { ResponseBody } from "../../streams/index.ts";
import { writeStream } from "./stream-response.ts";

const BODY = Buffer.from("hello");

const bodyOf = (open: ResponseBody["open"]): ResponseBody => ({
  open,
  grant: () => undefined,
  openSocket: () => undefined,
  consumed: () => undefined,
});

/** A body whose sender dies after its data, before its end. */
const broken = bodyOf(({ onData, onEnd }) => {
  onData(BODY, OWNED);
  setImmediate(() => onEnd({ kind: "broken", code: "CONSUMER_DIED" }));
});

/** A server that answers with the body, and a client with one connection. `length`: the announced one. */
async function start(length: number | undefined, body = broken) {
  const server = createServer((_incoming, outgoing) =>
    writeStream(outgoing, { status: 200, headers: [], length }, body),
  ).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    async get() {
      const outgoing = request({ port, host: "127.0.0.1", agent }).end();
      // The response reports the same error.
      outgoing.on("error", () => undefined);
      const [response] = (await once(outgoing, "response")) as [IncomingMessage];
      return { body: await text(response), isReused: outgoing.reusedSocket };
    },
    [Symbol.dispose]() {
      agent.destroy();
      server.close();
    },
  };
}

describe("an answer whose instance dies before it told the end", () => {
  it("is whole where all announced bytes have come: its connection serves the next request", async () => {
    using client = await start(BODY.length);
    expect(await client.get()).toEqual({ body: "hello", isReused: false });
    expect(await client.get()).toEqual({ body: "hello", isReused: true });
  });

  it.each([[BODY.length + 1], [undefined]])("is cut where %s bytes were announced", async (length) => {
    using client = await start(length);
    await expect(client.get()).rejects.toMatchObject({ code: "ECONNRESET" });
  });
});

it.each([[undefined], [130_011]])("chunks of all sizes arrive in order, announced: %s", async (length) => {
  const sizes = [1, 30_000, 2, 0, 3, 100_000, 4, 0, 1];
  const chunks = sizes.map((size, at) => Buffer.alloc(size, String(at)));
  const body = bodyOf(({ onData, onEnd }) => {
    const [first, ...others] = chunks;
    if (first !== undefined) onData(first, OWNED);
    setImmediate(() => {
      for (const chunk of others) onData(chunk, OWNED);
      onEnd({ kind: "whole", trailers: new Map(), code: "", reason: "" });
    });
  });
  using client = await start(length, body);
  expect((await client.get()).body === Buffer.concat(chunks).toString()).toBe(true);
});
