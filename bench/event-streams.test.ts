import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { openEventStreams } from "./event-streams.ts";

async function startServer() {
  const responses: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.flushHeaders();
    responses.push(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    responses,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

it("has the arrival of an event at each stream, in one part or in several, and the time of its write", async () => {
  await using server = await startServer();
  using streams = await openEventStreams(server.url, 60);
  for (const writtenAt of [Date.now(), Date.now() - 1_000]) {
    const arriving = streams.nextEvent();
    const [first, ...others] = server.responses;
    first?.write(`id: 1\ndata: ${writtenAt}\n`);
    for (const response of others) response.write(`id: 1\ndata: ${writtenAt}\n\n`);
    first?.write("\n");
    const event = await arriving;
    expect(event).toMatchObject({ writtenAt, missing: 0 });
    expect(event.arrivals.length).toBe(60);
    expect(Math.min(...event.arrivals)).toBeGreaterThanOrEqual(writtenAt);
  }
});
