/** Pings, and the end of a host: no request is left without an answer. */
import { once } from "node:events";
import { createServer } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FrameBatch, SOCKET_VERSION } from "../contracts/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import { createHostLinks, type HostLinks, listenLocal } from "./index.ts";
import { recordReplies } from "./testing/record-replies.ts";
import { MACHINE, makeSocketFolder, type SocketFolder } from "./testing/socket-folder.ts";

let folder: SocketFolder;
let links: HostLinks;
const warn = (fields: object, message: string) => {
  throw new Error(`${message}: ${JSON.stringify(fields)}`);
};

beforeEach(async () => {
  folder = await makeSocketFolder();
  links = createHostLinks({ world: "w", prefix: "_INBOX.x.", peer: "p", warn });
});
afterEach(async () => {
  links.close();
  await folder[Symbol.asyncDispose]();
});

const listen = () => listenLocal({ path: folder.path, machine: MACHINE, world: "w", warn });
const addressOf = (number: number) => ({ machine: MACHINE, path: folder.path, number });
const held = async (number = 0) => {
  const link = links.hold(addressOf(number));
  await eventually(() => expect(link.isOpen).toBe(true));
  return link;
};
const request = { instance: 7, flags: 1, hops: 2, timeoutMs: 30_000, head: "GET\n", body: undefined };

describe("a host", () => {
  it("answers a ping behind its refusals of all that came before", async () => {
    const host = await listen();
    const link = await held();
    const heard: string[] = [];
    for (let number = 1; number <= 3; number++) {
      const replies = recordReplies();
      link.request(number, request, replies);
      void replies.over.then(([event]) => heard.push(String(event?.[1])));
    }
    await link.flush();
    expect(heard).toEqual(["INSTANCE_DRAINING", "INSTANCE_DRAINING", "INSTANCE_DRAINING"]);
    await host.close();
  });

  it("ends a ping with the connection", async () => {
    const silent = createServer((socket) => {
      const batch = new FrameBatch();
      batch.hello(JSON.stringify({ version: SOCKET_VERSION, machine: MACHINE }));
      for (const piece of batch.take()) socket.write(piece);
      socket.once("data", () => socket.once("data", () => socket.destroy()));
    }).listen(folder.path);
    await once(silent, "listening");
    const link = await held();
    await link.flush();
    expect(link.isOpen).toBe(false);
    silent.close();
  });

  it("ends with an answer to all that was sent before its gateway heard of it", async () => {
    for (let round = 0; round < 20; round++) {
      const host = await listen();
      host.register(7, (came) => void came.respond(200, "", ""));
      const link = await held(round);
      const sent: Promise<unknown[][]>[] = [];
      const more = () => {
        const replies = recordReplies();
        if (link.request(sent.length + 1, request, replies)) sent.push(replies.over);
        return link.isOpen;
      };
      const sending = (async () => {
        while (more()) await turn();
      })();
      while (sent.length < 50) await turn();
      await host.close();
      await sending;
      const ends = new Set((await Promise.all(sent)).map(([event]) => event?.[0]));
      expect(ends).toEqual(new Set(["response"]));
      links.drop(addressOf(round));
    }
  });
});
