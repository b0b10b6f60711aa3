import { expect, it } from "vitest";
import type { LinkRequest } from "./host-link.ts";
import type { LocalRequest } from "./local-request.ts";
import { NearLink } from "./near-link.ts";
import { recordReplies } from "./testing/record-replies.ts";

/** A link, an instance that notes the requests that it takes, and a request to it. */
function start() {
  const link = new NearLink({ prefix: "here.", peer: "here" });
  const taken: LocalRequest[] = [];
  const { number: instance, leave } = link.register((request) => void taken.push(request));
  const request: LinkRequest = { instance, flags: 0, hops: 0, timeoutMs: 1_000, head: "", body: "body" };
  return { link, taken, leave, request };
}

/** Everything that was handed over by now has arrived then. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

it("a request that is given up before the instance has it does not begin", async () => {
  const { link, taken, request } = start();
  const [given, kept] = [recordReplies(), recordReplies()];
  expect(link.request(1, request, given)).toBe(true);
  expect(link.request(2, request, kept)).toBe(true);
  expect(taken).toEqual([]);
  link.release(1);
  await turn();
  expect(taken.map(({ number }) => number)).toEqual([2]);
  taken[0]?.respond(200, "", "answer");
  expect([given.events, kept.events]).toEqual([[], [["response", 200, "", "answer"]]]);
});

it("a request that an instance leaves behind is refused before it begins", async () => {
  const { link, taken, leave, request } = start();
  const replies = recordReplies();
  expect(link.request(1, request, replies)).toBe(true);
  leave();
  await turn();
  expect([taken, replies.events]).toEqual([[], [["error", "INSTANCE_DRAINING", undefined]]]);
  expect(link.request(2, request, recordReplies())).toBe(false);
});

it("a text stays one, and bytes are the receiver's own", async () => {
  const { link, taken, request } = start();
  const replies = recordReplies();
  const bodies: unknown[] = [];
  replies.onResponse = (_status, _block, body) => void bodies.push(body);
  link.request(1, request, replies);
  link.request(2, request, replies);
  await turn();
  expect(taken.map(({ body }) => body)).toEqual(["body", "body"]);
  const bytes = new Uint8Array([1, 2]);
  taken[0]?.respond(200, "", "text");
  taken[1]?.respond(200, "", bytes);
  bytes.fill(9);
  expect(bodies).toEqual(["text", new Uint8Array([1, 2])]);
});
