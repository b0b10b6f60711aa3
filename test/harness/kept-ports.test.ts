import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { endOfRange, holdPorts } from "./kept-ports.ts";
import { startTestNats } from "./nats.ts";

it("holds ports that the system gives to nobody, until they are released", async () => {
  const { ports, release } = await holdPorts(8);
  expect(new Set(ports).size).toBe(8);
  for (const port of ports) expect(port).toBeLessThan(endOfRange());
  const [first = 0] = ports;
  const refused = createServer().listen(first, "127.0.0.1");
  expect((await once(refused, "error"))[0]).toMatchObject({ code: "EADDRINUSE" });
  await release();
  const server = createServer().listen(first, "127.0.0.1");
  await once(server, "listening");
  server.close();
});

it("is where a server of tests runs, which comes back on its port", async () => {
  await using server = await startTestNats();
  expect(server.port).toBeLessThan(endOfRange());
});
