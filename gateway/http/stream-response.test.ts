import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { OWNED } from "../../nats/index.ts";
import type { ResponseBody } from "../../streams/index.ts";
import { writeStream } from "./stream-response.ts";

const BODY = Buffer.from("hello");

/** A body whose sender dies after its data, before its end. */
const broken: ResponseBody = {
  open({ onData, onEnd }) {
    onData(BODY, OWNED);
    setImmediate(() => onEnd({ kind: "broken", code: "CONSUMER_DIED" }));
  },
  grant: () => undefined,
  openSocket: () => undefined,
  consumed: () => undefined,
};

/** A server that answers with the broken body, and a client with one connection. `length`: the announced one. */
async function start(length: number | undefined) {
  const server = createServer((_incoming, outgoing) =>
    writeStream(outgoing, { status: 200, headers: [], length }, broken),
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
