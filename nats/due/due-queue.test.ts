import { describe, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { connectNats } from "../connection.ts";
import { type DueWork, openDueQueue } from "./due-queue.ts";

describe("a queue of due work", () => {
  it("hands out work when it is due, once, and again where its worker gave it back", async () => {
    await using server = await startTestNats();
    const nats = await connectNats({ url: server.url, name: "test" });
    const queue = await openDueQueue(nats, { stream: "work", prefix: "narun.work" });
    const stop = new AbortController();
    const taken: DueWork[] = [];
    const taking = queue.take({
      free: () => 10,
      untilFree: async () => undefined,
      handle: (work) => void taken.push(work),
      signal: stop.signal,
    });
    const dueAt = Date.now() + 1_500;
    await queue.add("late.1", "later", { at: new Date(dueAt) });
    await queue.add("never.1", "dropped", { at: new Date(Date.now() + 1_000) });
    await queue.add("now.1", "now");
    await queue.drop("never.1");
    await eventually(() => expect(taken).toHaveLength(1));
    expect(taken[0]).toMatchObject({ key: "now.1", deliveries: 1 });
    taken[0]?.again(50);
    await eventually(() => expect(taken).toHaveLength(2));
    expect(taken[1]).toMatchObject({ key: "now.1", deliveries: 2 });
    await taken[1]?.done();
    await eventually(() => expect(taken).toHaveLength(3));
    expect(taken[2]?.key).toBe("late.1");
    expect(Buffer.from(taken[2]?.data ?? "").toString()).toBe("later");
    expect(Date.now()).toBeGreaterThanOrEqual(dueAt - 50);
    await taken[2]?.done();
    stop.abort();
    await taking;
    await nats.close();
  });
});
