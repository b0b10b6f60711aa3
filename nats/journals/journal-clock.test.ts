import { afterEach, expect, it, vi } from "vitest";
import { startLink } from "../../test/harness/link.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { connectNats } from "../connection.ts";
import { ensureJournals } from "./ensure-journals.ts";
import { JournalClock } from "./journal-clock.ts";

const HOUR_MS = 3_600_000;
/** How far two readings of a clock may be apart on a busy machine. */
const NEAR_MS = 60_000;

afterEach(() => void vi.useRealTimers());

it("follows the server where the node's clock is an hour ahead or behind, also from one moment to the next", async () => {
  await using server = await startTestNats();
  const nats = await connectNats({ url: server.url, name: "test" });
  try {
    await ensureJournals(nats);
    const clock = new JournalClock(nats);
    expect(await clock.now()).toBe(undefined);
    for (const errorMs of [HOUR_MS, -HOUR_MS]) {
      const trueMs = performance.timeOrigin + performance.now();
      vi.useFakeTimers({ toFake: ["Date"], now: trueMs + errorMs });
      const nowMs = await clock.now();
      expect(Math.abs((nowMs ?? 0) - trueMs)).toBeLessThan(NEAR_MS);
      vi.useRealTimers();
    }
    expect(await clock.now()).toBe(undefined);
  } finally {
    await nats.close();
  }
}, 60_000);

it("asks again where a connection that breaks has lost the answer", async () => {
  await using server = await startTestNats();
  await using link = await startLink(server.port);
  const nats = await connectNats({ url: link.url, name: "test" });
  try {
    await ensureJournals(nats);
    const clock = new JournalClock(nats);
    const trueMs = performance.timeOrigin + performance.now();
    vi.useFakeTimers({ toFake: ["Date"], now: trueMs + HOUR_MS });
    link.lose("test", "to-client");
    const asked = clock.now();
    await link.lost("stream_info_response");
    link.cut("test");
    expect(Math.abs(((await asked) ?? 0) - trueMs)).toBeLessThan(NEAR_MS);
  } finally {
    await nats.close();
  }
}, 60_000);
