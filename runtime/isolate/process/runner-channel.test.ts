import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { eventually } from "../../../test/harness/eventually.ts";

/** How long a busy machine may take to start two processes. */
const WAIT = { timeoutMs: 30_000 };

const scriptOf = (name: string) => fileURLToPath(new URL(`../../testing/${name}`, import.meta.url));

describe("a host process", { timeout: 60_000 }, () => {
  it("outlives a message to its dead runner, and ends in time though its drain does not", async () => {
    const file = join(await mkdtemp(join(tmpdir(), "narun-host-")), "end");
    const runner = spawn(process.execPath, [scriptOf("orphaned-host.ts"), file], { stdio: "ignore" });
    expect(await once(runner, "exit")).toEqual([null, "SIGKILL"]);
    const pid = await eventually(
      async () => Number(await readFile(file, "utf8")) || Promise.reject(file),
      WAIT,
    );
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow("ESRCH"), WAIT);
  });

  it("ends at an error that nothing catches, also while an isolate waits for it, and says what it was", async () => {
    const host = spawn(process.execPath, ["--no-node-snapshot", scriptOf("faulty-host.ts")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let text = "";
    host.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    expect(await once(host, "close")).toEqual([null, "SIGKILL"]);
    expect(text).toContain("an error of the host's own");
  });
});
