/** A reader that passes from the history to new lines, beside a writer that never stops. */
import { setImmediate as turn } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stores, subjects } from "../contracts/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../test/harness/nats.ts";
import { createRandom } from "../test/soak/random.ts";
import { connectNats, type Nats } from "./connection.ts";
import { ensureLogHistory, readEvents, readLogs } from "./log-history.ts";

const closers = new AsyncDisposableStack();
let server: TestNats;
let nats: Nats;
beforeAll(async () => {
  server = closers.use(await startTestNats());
  nats = await connectNats({ url: server.url, name: "test" });
  closers.defer(() => nats.close());
  await ensureLogHistory(nats);
});
afterAll(() => closers.disposeAsync());

const lineOf = (app: string, message: string) =>
  JSON.stringify({
    instance_id: `${app}-0`,
    app_name: app,
    node_id: "n1",
    stream: "stdout",
    message,
    timestamp: new Date().toISOString(),
  });

test("sees every line once and in order, wherever it begins, and whatever it filters", async () => {
  const random = createRandom(Date.now());
  let [written, isOver] = [0, false];
  const writing = (async () => {
    while (!isOver) {
      for (let n = random.between(1, 40); n > 0; n--) {
        nats.publish(subjects.log("busy", "n1"), lineOf("busy", String(written)));
        nats.publish(subjects.log("other", "n.with.dots"), lineOf("other", String(written)));
        written += 1;
      }
      await (random.between(0, 3) === 0 ? nats.flush() : turn());
    }
  })();
  const end = new AbortController();
  const readers = Array.from({ length: 12 }, async (_, index) => {
    // Each begins at another moment of the writer.
    await eventually(() => expect(written).toBeGreaterThan(index * 150), { timeoutMs: 30_000 });
    const app = index % 2 === 0 ? "busy" : "other";
    const seen: number[] = [];
    for await (const line of readLogs(nats, { app, follow: true, signal: end.signal })) {
      seen.push(Number(line.message));
      if (seen.length === 4_000) break;
    }
    return seen;
  });
  const all = await Promise.all(readers);
  isOver = true;
  await writing;
  for (const seen of all) expect(seen).toEqual([...Array(4_000).keys()]);
});

test("ends at a time, whatever comes later", async () => {
  const write = (message: string) =>
    nats.request(subjects.log("bounded", "n1"), lineOf("bounded", message), { timeoutMs: 5_000 });
  await write("first");
  const written = Date.now();
  const until = await eventually(() => {
    expect(Date.now()).toBeGreaterThan(written + 1);
    return new Date();
  });
  await eventually(() => expect(Date.now()).toBeGreaterThan(until.getTime() + 1));
  await write("later");
  const lines = await Array.fromAsync(readLogs(nats, { app: "bounded", until }));
  expect(lines.map(({ message }) => message)).toEqual(["first"]);
  const from = await Array.fromAsync(readLogs(nats, { app: "bounded", since: until }));
  expect(from.map(({ message }) => message)).toEqual(["later"]);
});

test("has status events among the lines, as the original toolkit's runner writes them", async () => {
  await nats.request(subjects.log("crashy", "n1"), lineOf("crashy", "before"), { timeoutMs: 5_000 });
  const event = {
    instance_id: "crashy-0",
    node_id: "n1",
    status: "crashed",
    exit_code: -1,
    error: "signal: killed",
    time: "2026-01-02T03:04:05.123456789+02:00",
  };
  await nats.request(subjects.status("crashy", "n1"), JSON.stringify(event), { timeoutMs: 5_000 });
  await nats.request(subjects.status("crashy", "n1"), '{"status":"dancing"}', { timeoutMs: 5_000 });
  await nats.request(subjects.log("crashy", "n1"), lineOf("crashy", "after"), { timeoutMs: 5_000 });
  const entries = await Array.fromAsync(readEvents(nats, { app: "crashy" }));
  expect(entries).toMatchObject([
    { kind: "line", line: { message: "before" } },
    { kind: "status", app: "crashy", event },
    { kind: "line", line: { message: "after" } },
  ]);
  expect(await Array.fromAsync(readLogs(nats, { app: "crashy" }))).toHaveLength(2);
});

test("keeps status events also in a stream that an earlier version made", async () => {
  const manager = await jetstreamManager(nats.connection);
  const { stream } = stores.logs;
  await manager.streams.update(stream, { subjects: [subjects.logsAll, "extra"] });
  await ensureLogHistory(nats);
  const { config } = await manager.streams.info(stream);
  expect(config.subjects).toEqual([subjects.logsAll, "extra", subjects.statusesAll]);
});
