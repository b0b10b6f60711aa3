import { expect, it } from "vitest";
import { KeptReplies } from "./kept-replies.ts";

it("keeps 8 MiB at most: the oldest go first, and one that is larger is not kept", () => {
  const replies = new KeptReplies();
  for (let number = 0; number < 10; number++)
    replies.keep(`r${number}`, new Uint8Array(1024 * 1024), undefined);
  replies.keep("large", new Uint8Array(9 * 1024 * 1024), undefined);
  const kept = Array.from({ length: 10 }, (_, number) => replies.get(`r${number}`) !== undefined);
  expect(kept).toEqual([false, false, false, true, true, true, true, true, true, true]);
  expect(replies.get("large")).toBeUndefined();
  replies.clear();
  expect(replies.get("r9")).toBeUndefined();
});
