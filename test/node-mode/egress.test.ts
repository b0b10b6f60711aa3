/** The rules of `egress` in the mode `node`: they bind every way in which Node connects. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, inject, it } from "vitest";
import { loadNodeProgram } from "../../runtime/process/node/node-programs.ts";
import { startWorld } from "../harness/world.ts";

await loadNodeProgram(inject("nodeCache"));
const server = createServer((_request, response) => response.end("reached"));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;
const world = await startWorld({ egressDeny: ["127.0.0.1:1"] });
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  server.close();
});

/** Tries each way to a port of this machine, and answers with the error, or with what it got. */
const source = `
  import http from "node:http";
  import http2 from "node:http2";
  import net from "node:net";
  import tls from "node:tls";
  import dgram from "node:dgram";
  import dns from "node:dns";
  const outcome = (connection, event) => new Promise((resolve) => {
    connection.once("error", (error) => resolve(error.message));
    connection.once(event, () => { connection.destroy(); resolve("reached"); });
  });
  const attempt = (act) => Promise.try(act).catch((error) => String(error.cause?.message ?? error.message));
  const ways = {
    fetch: async (host, port) => (await fetch("http://" + host + ":" + port)).text(),
    http: (host, port) => outcome(http.get({ host, port }), "response"),
    net: (host, port) => outcome(net.connect(port, host), "connect"),
    netOptions: (host, port) => outcome(new net.Socket().connect({ host, port }), "connect"),
    // It reaches the server where the handshake fails only.
    tls: (host, port) => outcome(tls.connect({ host, port }), "secureConnect"),
    http2: (host, port) => outcome(http2.connect("http://" + host + ":" + port), "connect"),
    lookup: (_host, port) => outcome(net.connect({ host: "example.com", port, lookup: (_name, options, done) =>
      options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4) }), "connect"),
    file: () => outcome(net.connect("/tmp/no-such-socket"), "connect"),
    udp: () => dgram.createSocket("udp4"),
    resolver: () => new dns.Resolver().setServers(["127.0.0.1"]),
    descriptor: () => { new net.Socket({ fd: 0 }); return "opened"; },
  };
  export default async (request) => {
    const { host, port } = await request.json();
    const found = {};
    for (const [name, act] of Object.entries(ways)) found[name] = await attempt(() => act(host, port));
    return Response.json(found);
  };`;

const tryAll = async (name: string, host: string, to = port) =>
  JSON.parse(
    (await world.call(`/${name}`, { method: "POST", body: JSON.stringify({ host, port: to }) })).text,
  );
const NEVER = {
  file: expect.stringMatching(/socket of the file system/),
  udp: expect.stringMatching(/restricted: createSocket/),
  resolver: expect.stringMatching(/restricted: setServers/),
};

describe("egress in the mode node", () => {
  it.each(["127.0.0.1", "localhost"])("refuses %s without a rule, in every way", async (host) => {
    await world.push("bound", source, { mode: "node" });
    const refused = expect.stringMatching(/is a loopback address; `egress` in narun\.yaml could allow it/);
    expect(await tryAll("bound", host)).toMatchObject({
      ...{ fetch: refused, http: refused, net: refused, netOptions: refused, tls: refused, http2: refused },
      ...{ lookup: refused, ...NEVER },
      descriptor: expect.not.stringMatching(/opened/),
    });
  });

  it.each([
    ["127.0.0.1", ["127.0.0.1"]],
    ["localhost", ["localhost"]],
  ])("reaches %s by the rule %s, and nothing that the node denies", async (host, egress) => {
    await world.push("allowed", source, { mode: "node", egress });
    const found = await tryAll("allowed", host);
    expect(found).toMatchObject({
      fetch: "reached",
      http: "reached",
      net: "reached",
      http2: "reached",
      ...NEVER,
    });
    expect(found.tls).not.toMatch(/egress/);
    const denied = await tryAll("allowed", "127.0.0.1", 1);
    expect(denied.net).toMatch(/is on the node's deny list/);
  });
});
