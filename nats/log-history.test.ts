import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type LogLine, stores, subjects } from "../contracts/index.ts";
import { eventually } from "../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../test/harness/nats.ts";
import { connectNats, type Nats } from "./connection.ts";
import { ensureLogHistory, type ReadLogsOptions, readLogs } from "./log-history.ts";

let server: TestNats;
let nats: Nats;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
  await ensureLogHistory(nats);
});
afterAll(async () => {
  await nats.close();
  await server.close();
});
let app: string;
let apps = 0;
beforeEach(() => {
  apps += 1;
  app = `app${apps}`;
});

/** Writes a line and waits until the stream has it. */
async function write(message: string, toApp = app, timeoutMs = 5_000): Promise<void> {
  const line: LogLine = {
    instance_id: "i1",
    app_name: toApp,
    node_id: "n1",
    stream: "stdout",
    message,
    timestamp: new Date().toISOString(),
  };
  await nats.request(subjects.log(toApp, "n1"), JSON.stringify(line), { timeoutMs });
}

async function read(options: ReadLogsOptions): Promise<string[]> {
  const messages: string[] = [];
  for await (const line of readLogs(nats, options)) messages.push(line.message);
  return messages;
}

test("may be set up twice", async () => {
  await ensureLogHistory(nats);
});

test("reads the stored lines of one function in order, and ends", async () => {
  for (const message of ["a", "b", "c"]) await write(message);
  await write("another's", `${app}-other`);
  expect(await read({ app })).toEqual(["a", "b", "c"]);
  expect(await read({})).toEqual(expect.arrayContaining(["a", "b", "c", "another's"]));
});

test("leaves no consumer behind, however it ends", async () => {
  for (const message of ["a", "b", "c"]) await write(message);
  await read({ app });
  await read({ app: `${app}-of-nobody` });
  for await (const _line of readLogs(nats, { app })) break;
  const stream = await (await jetstreamManager(nats.connection)).streams.info(stores.logs.stream);
  expect(stream.state.consumer_count).toBe(0);
});

test("reads nothing where there is nothing", async () => {
  expect(await read({ app })).toEqual([]);
});

test("reads what came since a time", async () => {
  await write("before");
  const written = Date.now();
  // A millisecond is the resolution of the question.
  const since = await eventually(() => {
    expect(Date.now()).toBeGreaterThan(written);
    return new Date();
  });
  await write("after");
  expect(await read({ app, since })).toEqual(["after"]);
});

test("passes over what is no log line, also as the last one", async () => {
  await write("good");
  await nats.request(subjects.log(app, "n1"), "not JSON", { timeoutMs: 5_000 });
  await nats.request(subjects.log(app, "n1"), '{"message":"no line"}', { timeoutMs: 5_000 });
  expect(await read({ app })).toEqual(["good"]);
});

test("follows the lines that come, also after nats-server was killed, until it is aborted", async () => {
  await write("stored");
  const end = new AbortController();
  const seen: string[] = [];
  const following = (async () => {
    for await (const line of readLogs(nats, { app, follow: true, signal: end.signal }))
      seen.push(line.message);
  })();
  await eventually(() => expect(seen).toEqual(["stored"]));
  await write("live");
  await eventually(() => expect(seen).toEqual(["stored", "live"]));
  await server.kill9();
  await eventually(() => write("after the kill", app, 200));
  await eventually(() => expect(seen.at(-1)).toBe("after the kill"), { timeoutMs: 20_000 });
  end.abort();
  await following;
});

test("ends at once where the signal is aborted already", async () => {
  await write("stored");
  expect(await read({ app, follow: true, signal: AbortSignal.abort() })).toEqual([]);
});

test("follows on where it was after the server was killed, whether it had read lines or not", async () => {
  const controller = new AbortController();
  await write("long ago");
  const writtenBy = Date.now();
  await eventually(() => expect(Date.now()).toBeGreaterThan(writtenBy));
  const since = new Date();
  await write("before");
  const read: string[] = [];
  const quiet: string[] = [];
  const reading = [
    follow({ app, since, follow: true, signal: controller.signal }, read),
    follow({ app: "nobody", since, follow: true, signal: controller.signal }, quiet),
  ];
  await eventually(() => expect(read).toEqual(["before"]));
  await server.kill9();
  await eventually(() => write("after"));
  await eventually(() => write("first words", "nobody"));
  await eventually(() => {
    expect(read.at(-1)).toBe("after");
    expect(quiet.at(-1)).toBe("first words");
  });
  expect(read).not.toContain("long ago");
  controller.abort();
  await Promise.all(reading);
});

async function follow(options: ReadLogsOptions, into: string[]): Promise<void> {
  for await (const { message } of readLogs(nats, options)) into.push(message);
}
