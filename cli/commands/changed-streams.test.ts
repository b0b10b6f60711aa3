/** Streams of narun with a changed configuration. */
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, expect, test } from "vitest";
import { connectNats } from "../../nats/index.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { narun, startNarun } from "../testing/narun.ts";
import { createWorkFolder } from "../testing/work-folder.ts";

const server = await startTestNats();
const folder = await createWorkFolder();
const nats = await connectNats({ url: server.url, name: "test" });
const { streams } = await jetstreamManager(nats.connection);
afterAll(async () => {
  await nats.close();
  await server.close();
  await folder[Symbol.asyncDispose]();
});

const node = ["node", "--name", "n1", "--cache-dir", folder.path("cache"), "--nats", server.url];
const up = ["up", "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--data-dir", folder.path("data")];

test("a node and up run with a log stream of another size", async () => {
  await streams.add({ name: "narun-logs", subjects: ["logs.>"], max_bytes: 1_000_000, allow_direct: true });
  await using running = startNarun([...node, "--json"]);
  await running.shows(/^\{"node".*\}$/m);
  running.kill("SIGTERM");
  await running.ended;
  await using world = startNarun([...up, "--nats", server.url, "--json"]);
  await world.shows(/^\{"http".*\}$/m);
});

test("a log stream that does not serve ends both with a line that says what to change", async () => {
  await streams.delete("narun-logs");
  await streams.add({ name: "narun-logs", subjects: ["others.>"], allow_direct: true });
  const line =
    /^narun: A stream of NATS is not as narun needs it: stream narun-logs: subjects is [^\n]*--subjects 'others\.>','logs\.>'`[^\n]*\n$/;
  expect(await narun(node)).toMatchObject({ code: 1, stderr: expect.stringMatching(line) });
  expect(await narun([...up, "--nats", server.url, "--quiet"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/stream narun-logs: subjects is /),
  });
}, 60_000);
