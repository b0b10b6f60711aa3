import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { eventually } from "../test/harness/eventually.ts";
import { FREE_PORTS } from "./testing/narun.ts";
import { allEnded, descendantsOf, endAll } from "./testing/processes.ts";
import { createWorkFolder } from "./testing/work-folder.ts";

const root = join(import.meta.dirname, "..");

test("`npm start` runs the examples; a signal to npm alone drains everything", async () => {
  await using folder = await createWorkFolder();
  const child = spawn("npm", ["start", "--", ...FREE_PORTS, "--data-dir", folder.path("data")], {
    cwd: root,
    stdio: ["ignore", "pipe", "ignore"],
    env: {
      ...process.env,
      NARUN_NATS_SERVER: inject("natsServer"),
      NODE_OPTIONS: "",
      NARUN_NATS_URL: undefined,
    },
    timeout: 50_000,
  });
  const pid = child.pid ?? 0;
  try {
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    // The first start builds and pushes every example, which takes long on a busy machine.
    const [, url = ""] = await eventually(
      () => {
        const match = /^ {2}curl (http:\S+)$/m.exec(stdout);
        if (match === null) throw new Error(stdout);
        return match;
      },
      { timeoutMs: 30_000 },
    );
    expect(stdout).toMatch(/^hello {2,}isolate /m);
    expect((await fetch(url)).status).toBe(200);
    const started = descendantsOf(pid);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
    await allEnded(started);
    expect(existsSync(folder.path("data/narun.lock"))).toBe(false);
  } finally {
    await endAll(descendantsOf(pid));
  }
}, 60_000);
