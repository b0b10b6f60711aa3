import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HOST_ENVIRONMENT } from "../runtime/isolate/spawn-host.ts";
import { startWorld } from "./harness/world.ts";

const read = `export default () => Response.json([
  Intl.DateTimeFormat().resolvedOptions().timeZone,
  new Date(2026, 6, 1, 12).toISOString(),
]);`;

it("a function's time zone is UTC", async () => {
  await using world = await startWorld();
  await world.push("fn", read);
  expect(JSON.parse((await world.call("/fn")).text)).toEqual(["UTC", "2026-07-01T12:00:00.000Z"]);
});

/** Node in a mount namespace whose /etc sets the machine's zone to New York. Undefined if this user may not make a namespace. */
function zoneInNewYork(env: Readonly<Record<string, string>>): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "narun-zone-"));
  try {
    const etc = join(folder, "etc");
    cpSync("/etc", etc, { recursive: true, verbatimSymlinks: true });
    rmSync(join(etc, "localtime"), { force: true });
    symlinkSync("/usr/share/zoneinfo/America/New_York", join(etc, "localtime"));
    const print = "process.stdout.write(Intl.DateTimeFormat().resolvedOptions().timeZone)";
    const command = `mount --bind "$0" /etc && exec "$1" -e "$2"`;
    const { status, stdout } = spawnSync(
      "unshare",
      ["-m", "/bin/sh", "-c", command, etc, process.execPath, print],
      { env: { PATH: process.env.PATH, ...env }, encoding: "utf8" },
    );
    return status === 0 ? stdout : undefined;
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const elsewhere = process.platform === "linux" ? zoneInNewYork({}) : undefined;
it.skipIf(elsewhere !== "America/New_York")(
  "also where the machine has another (skipped without root)",
  () => {
    expect(zoneInNewYork(HOST_ENVIRONMENT)).toBe("UTC");
  },
);
