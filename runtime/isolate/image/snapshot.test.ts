import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadSnapshot } from "./snapshot.ts";

/** Upper bound of the snapshot. Each isolate has its content once, and half of it twice: a larger snapshot takes an isolate beyond 3 MiB. */
const MOST_BYTES = 1212 * 1024;

describe("loadSnapshot", () => {
  const startedIn = process.cwd();
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "narun-snapshot-"));
  });

  afterEach(async () => {
    process.chdir(startedIn);
    await rm(folder, { recursive: true, force: true });
  });

  it("makes the snapshot in any current folder, and keeps it", async () => {
    process.chdir(folder);

    const made = await loadSnapshot(join(folder, "cache"));
    const kept = await loadSnapshot(join(folder, "cache"));

    expect(made.byteLength).toBeGreaterThan(0);
    expect(made.byteLength).toBeLessThan(MOST_BYTES);
    expect(Buffer.from(kept).equals(made)).toBe(true);
    expect(await readdir(join(folder, "cache", "platform"))).toHaveLength(1);
  });
});
