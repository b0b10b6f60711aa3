import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { createEndings } from "./endings.ts";

const PATHS = ["/a", "/b", "/c"];

it("ends the answers of a turn together, and each with its own text", async () => {
  const endings = createEndings();
  const open: [path: string, outgoing: ServerResponse][] = [];
  const all = Promise.withResolvers<void>();
  const server = createServer(({ url = "" }, outgoing) => {
    open.push([url, outgoing]);
    if (open.length === PATHS.length) all.resolve();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const answers = async () => {
    const texts = PATHS.map(async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).text());
    await all.promise;
    const ended = open.splice(0).map(([path, outgoing]) => {
      outgoing.writeHead(200, ["Content-Length", "2"]);
      endings.end(outgoing, path);
      return outgoing.writableEnded;
    });
    return { texts: await Promise.all(texts), ended };
  };
  // Nothing waits after turns with one answer, as at the beginning.
  expect(await answers()).toEqual({ texts: PATHS, ended: [true, true, true] });
  const later = PATHS.map(async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).text());
  while (open.length < PATHS.length) await turn();
  for (const [path, outgoing] of open) {
    outgoing.writeHead(200, ["Content-Length", "2"]);
    endings.end(outgoing, path);
    expect(outgoing.writableEnded).toBe(false);
  }
  expect(await Promise.all(later)).toEqual(PATHS);
  server.close();
});
