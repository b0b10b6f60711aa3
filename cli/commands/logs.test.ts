/** `narun logs` on the lines and events of a runner of the original toolkit, which the test writes. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectNats, ensureLogHistory, type Nats } from "../../nats/index.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { narun, startNarun } from "../testing/narun.ts";

const closers = new AsyncDisposableStack();
let server: TestNats;
let nats: Nats;

const line = (stream: string, message: string, more: object = {}) =>
  publish("logs.web.host.domain", {
    instance_id: "web-0",
    app_name: "web",
    node_id: "host.domain",
    stream,
    message,
    timestamp: new Date().toISOString().replace("Z", "123456Z"),
    ...more,
  });
const status = (status: string, more: object = {}) =>
  publish("status.web.host.domain", {
    instance_id: "web-0",
    node_id: "host.domain",
    status,
    time: new Date().toISOString(),
    ...more,
  });
const publish = (subject: string, value: object) =>
  nats.request(subject, JSON.stringify(value), { timeoutMs: 5_000 });

beforeAll(async () => {
  server = closers.use(await startTestNats());
  nats = await connectNats({ url: server.url, name: "test" });
  closers.defer(() => nats.close());
  await ensureLogHistory(nats);
  await status("starting");
  await status("running", { pid: 4711 });
  await line("stdout", "listening on 8080");
  await line("stderr", "no such table", { trace_id: "0af7651916cd43dd8448eb211c80319c" });
  await line("stdout", "second replica", { instance_id: "web-1" });
  await status("crashed", { exit_code: 3 });
  await status("starting", { error: "Restarting (1/5)" });
  await status("crashed", { exit_code: -1, error: "signal: killed" });
});
afterAll(() => closers.disposeAsync());

const logs = (...args: string[]) => narun(["logs", ...args, "--nats", server.url]);
const messages = async (...args: string[]) =>
  (await logs("web", ...args, "--json")).stdout
    .trim()
    .split("\n")
    .filter((text) => text !== "")
    .map((text) => JSON.parse(text).message ?? JSON.parse(text).status);

test("shows their lines, by level, text, instance and trace", async () => {
  expect(await messages()).toEqual(["listening on 8080", "no such table", "second replica"]);
  expect(await messages("--level", "error")).toEqual(["no such table"]);
  expect(await messages("--grep", "^l.*\\d$")).toEqual(["listening on 8080"]);
  expect(await messages("--instance", "web-1")).toEqual(["second replica"]);
  expect(await messages("--trace", "0af765")).toEqual(["no such table"]);
  expect(await messages("--until", "2020-01-01T00:00:00Z")).toEqual([]);
  expect(await messages("--since", "2020-01-01T00:00:00Z", "--until", "0s")).toHaveLength(3);
});

test("shows starts and ends with exit codes and signals on request", async () => {
  expect(await messages("--status")).toEqual([
    "starting",
    "running",
    "listening on 8080",
    "no such table",
    "second replica",
    "crashed",
    "starting",
    "crashed",
  ]);
  const { stdout } = await logs("web", "--status");
  expect(stdout).toMatch(/info +- +web-0 running, pid 4711$/m);
  expect(stdout).toMatch(/error +- +web-0 crashed, exit code 3$/m);
  expect(stdout).toMatch(/info +- +web-0 starting: Restarting \(1\/5\)$/m);
  expect(stdout).toMatch(/error +- +web-0 crashed, ended by a signal: signal: killed$/m);
  expect(await messages("--status", "--level", "error")).toEqual(["no such table", "crashed", "crashed"]);
});

test("follows with a filter", async () => {
  await using following = startNarun(["logs", "web", "-f", "--grep", "wanted", "--nats", server.url]);
  await line("stdout", "wanted: one");
  await following.shows(/wanted: one/);
  await line("stdout", "other");
  await line("stdout", "wanted: two");
  await following.shows(/wanted: two/);
  expect(following.stdout).not.toContain("other");
});

test.each([
  [["--grep", "("], "a regular expression"],
  [["--level", "wran"], 'did you mean "warn"?'],
  [["--since", "yesterday"], "a duration like"],
  [["-f", "--until", "1h"], "take one of them"],
])("%j is not how it is used", async (args, reason) => {
  expect(await logs("web", ...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(reason) });
});
