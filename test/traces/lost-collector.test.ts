/** A collector that takes nothing, and one that never answers: the processes of a whole narun go on as without traces. */

import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { pino } from "pino";
import { afterAll, expect, it } from "vitest";
import { startTraces } from "../../traces/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());

/** A server that takes connections. `onSocket` decides about each. */
async function startServer(onSocket: (socket: Socket) => void): Promise<string> {
  const server = createServer(onSocket);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.defer(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("costs one line of the log, and no request", async () => {
  const silent: Socket[] = [];
  const silentUrl = await startServer((socket) => void silent.push(socket));
  closers.defer(() => {
    for (const socket of silent) socket.destroy();
  });
  const cutUrl = await startServer((socket) => socket.destroy());
  const lines: { msg: string }[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const traces = await startTraces(
    { url: cutUrl, headers: {}, sampler: "always_on", ratio: 1 },
    { attributes: {}, log },
  );
  closers.defer(() => traces.close());
  const world = closers.use(await startWorld({ gateway: { traces }, nodeArguments: ["--otlp", silentUrl] }));
  await world.push("calm", `export default () => new Response("ok");`);
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all(Array.from({ length: 100 }, () => world.call("/calm")));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  }
  await eventually(() => {
    expect(silent.length).toBeGreaterThan(0);
    expect(lines.length).toBeGreaterThan(0);
  });
  await world.call("/calm");
  expect(lines.map(({ msg }) => msg)).toEqual([
    "the collector takes no spans: they are dropped until it does",
  ]);
});
