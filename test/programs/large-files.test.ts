/** Programs of hundreds of megabytes. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { MIB, parseServiceFile } from "../../contracts/index.ts";
import { deployProgram, openProgram } from "../../control/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const SIZE_MIB = 200;
/** The growth of a runner that holds a file as a whole is over its size. */
const MAX_GROWTH_MIB = 100;

const onLinux = it.skipIf(process.platform !== "linux");

/** The most memory that a process had. */
function peakMiB(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}

onLinux("pass through the memory of their runner in pieces", { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "narun-large-"));
  await using world = await startWorld({ cacheDir: join(folder, "cache") });
  // A program that nothing but its own bytes is read of: zeros behind it are no part of it.
  const file = join(folder, "large");
  copyFileSync("/bin/sleep", file);
  truncateSync(file, SIZE_MIB * MIB);
  const spec = parseServiceFile(
    JSON.stringify({ name: "large", tag: "v1", nodes: [{ name: "node-0" }], args: ["600"] }),
  );
  if (!spec.ok) throw new Error("the spec is valid");
  const pid = world.nodes[0]?.pid ?? 0;
  const before = peakMiB(pid);
  const program = await openProgram(file);
  await deployProgram(world.connection, { spec: spec.value, programs: [program] });
  const running = await eventually(
    () => {
      const status = world.statuses("large").at(-1);
      expect(status).toMatchObject({ status: "running" });
      return status;
    },
    { timeoutMs: 60_000 },
  );
  expect(peakMiB(pid) - before).toBeLessThan(MAX_GROWTH_MIB);
  const own = createHash("sha256")
    .update(readFileSync(`/proc/${running?.pid}/exe`))
    .digest("hex");
  expect(own).toBe(program.sha256);
  rmSync(folder, { recursive: true });
});
