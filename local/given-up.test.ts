/** Requests that a gateway gave up, while their host still answers them. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { requestFlags } from "../contracts/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import {
  createHostLinks,
  type HostLink,
  type HostLinks,
  type LocalRequest,
  type LocalServer,
  listenLocal,
} from "./index.ts";
import { recordReplies } from "./testing/record-replies.ts";
import { MACHINE, makeSocketFolder, type SocketFolder } from "./testing/socket-folder.ts";

const INSTANCE = 7;
const request = {
  ...{ instance: INSTANCE, hops: 0, timeoutMs: 30_000, head: "GET\n", body: undefined },
  flags: requestFlags.streams,
};

let folder: SocketFolder;
let server: LocalServer;
let links: HostLinks;
let link: HostLink;
let came: PromiseWithResolvers<LocalRequest>;
let warnings: string[];

beforeEach(async () => {
  folder = await makeSocketFolder();
  warnings = [];
  const warn = (_fields: object, message: string) => warnings.push(message);
  server = await listenLocal({ path: folder.path, machine: MACHINE, world: "w", warn });
  came = Promise.withResolvers();
  server.register(INSTANCE, came.resolve);
  links = createHostLinks({ world: "w", prefix: "_INBOX.x.", peer: "p", warn });
  link = links.hold({ machine: MACHINE, path: folder.path, number: INSTANCE });
  await eventually(() => expect(link.isOpen).toBe(true));
});
afterEach(async () => {
  links.close();
  await server.close();
  await folder[Symbol.asyncDispose]();
});

it("may still be answered", async () => {
  const replies = recordReplies();
  link.request(1, request, replies);
  const late = await came.promise;
  link.frame(1, { kind: "cancel", code: "CLIENT_GONE" }, "");
  link.release(1);
  late.respond(200, "", "late");
  await link.flush();
  expect(replies.events).toEqual([]);
  expect([link.isOpen, warnings]).toEqual([true, []]);
});

it("may still have the stream of its body called off, after an error", async () => {
  const flags = requestFlags.streams | requestFlags.streamedBody;
  link.request(1, { ...request, flags }, recordReplies());
  const late = await came.promise;
  link.release(1);
  late.fail("DEADLINE_EXCEEDED");
  late.frame({ kind: "cancel", code: "BODY_NOT_WANTED" }, "");
  await link.flush();
  expect([link.isOpen, warnings]).toEqual([true, []]);
});
