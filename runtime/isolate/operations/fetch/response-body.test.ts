import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { EnterOp } from "../../../../web/host/boundary.ts";
import { createIsolateStreams } from "../../process/isolate-streams.ts";
import { sendBodyToIsolate } from "./response-body.ts";

it("ends a body whose reader is faster than the turn of its start", async () => {
  const entered: unknown[][] = [];
  const streams = createIsolateStreams({
    enter: (_owner, ...message) => entered.push(message),
    onViolation: (what) => expect.unreachable(what),
  });
  const body = new Readable({ read: () => undefined });
  body.push(Buffer.alloc(100_000));
  body.push(null);

  const { id } = sendBodyToIsolate(streams, { owner: 0, body, describe: String });
  // The isolate runs in a thread of its own: its credit may come before the turn is over.
  streams.credit(id, 256 * 1024);
  for (let i = 0; i < 5; i++) await nextTurn();

  expect(entered.map(([op]) => op)).toEqual([EnterOp.chunk, EnterOp.end]);
});
