import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { startTestNats } from "../test/harness/nats.ts";
import { createWorkFolder } from "./testing/work-folder.ts";

const main = join(import.meta.dirname, "main.ts");

test.each([
  ["a node-runner", (folder: string) => ["node", "--cache-dir", folder]],
  ["a worker of a gateway", () => ["gateway", "--of-gateway", "--workers", "1", "--http", "127.0.0.1:0"]],
])("%s whose parent leaves during its start ends in order", async (_name, argumentsFor) => {
  await using nats = await startTestNats();
  await using folder = await createWorkFolder();
  const child = fork(main, [...argumentsFor(folder.dir), "--quiet", "--nats", nats.url], {
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const words = Promise.all(
    [child.stdout, child.stderr].map((stream) => (stream === null ? "" : text(stream))),
  );
  child.disconnect();
  // Node emits no `close` of a child whose channel was closed so early.
  const [code] = await once(child, "exit");
  expect({ code, words: (await words).join("") }).toEqual({
    code: 0,
    words: expect.not.stringContaining("node:"),
  });
});
