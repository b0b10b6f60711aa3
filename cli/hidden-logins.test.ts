/** The command line of a running `narun`, as every user of the machine sees it. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../test/harness/eventually.ts";
import { createWorkFolder, type WorkFolder } from "./testing/work-folder.ts";

const narun = fileURLToPath(new URL("../bin/narun.cjs", import.meta.url));
/** Takes connections and says nothing, so that a command waits. */
const silent = createServer();
let folder: WorkFolder;
let address: string;

beforeAll(async () => {
  folder = await createWorkFolder();
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
});
afterAll(async () => {
  silent.close();
  await folder[Symbol.asyncDispose]();
});

/** Of the form of a token of `narun token create`. */
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const TOKEN = `narun1.${"0".repeat(64)}.SU${"A".repeat(56)}.${encode({ typ: "JWT" })}.${encode({ exp: 99_999_999_999 })}.e30`;

test.each([
  ["a login in an address", "ls", (at: string) => ["--nats", `nats://ann:s3cret@${at}`], "s3cret"],
  ["a login with an equals sign", "ls", (at: string) => [`--nats=nats://ann:s3cret@${at}`], "s3cret"],
  ["a token to join with", "up", (at: string) => ["--join", `${TOKEN}@${at}`], "AAAAAAAA"],
  ["a token with an equals sign", "up", (at: string) => [`--join=${TOKEN}@${at}`], "AAAAAAAA"],
])("%s is not shown", async (_, command, optionsAt, secret) => {
  const free =
    command === "up" ? ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--nats-port", "0"] : [];
  const more =
    command === "up" ? [...free, "--cluster", "127.0.0.1:1", "--data-dir", folder.path("data")] : [];
  const args = [narun, command, ...optionsAt(address), ...more];
  const running = spawn(process.execPath, args, {
    stdio: "ignore",
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
  });
  const connected = once(silent, "connection");
  const ended = once(running, "exit");
  try {
    // The secret is in use by now.
    await connected;
    await eventually(() => {
      const { stdout } = spawnSync("ps", ["-ww", "-o", "args=", "-p", String(running.pid)], {
        encoding: "utf8",
      });
      expect(stdout).toContain("***@");
      expect(stdout).not.toContain(secret);
    });
  } finally {
    running.kill("SIGKILL");
    await ended;
  }
});
