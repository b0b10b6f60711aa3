import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { eventually } from "../../../test/harness/eventually.ts";
import { decidePause, watchFolder } from "./folder-watch.ts";

it.each([
  ["a small folder that changes", { pauseMs: 1_000, lookMs: 2, entries: 40 }, 1_000],
  ["a small folder that does not change", { pauseMs: 5_000, lookMs: 2, entries: 40 }, 5_000],
  [
    "a small folder on a machine that is busy with other things",
    { pauseMs: 1_000, lookMs: 1_500, entries: 40 },
    1_000,
  ],
  [
    "a folder of some thousand files on such a machine",
    { pauseMs: 1_000, lookMs: 1_500, entries: 4_000 },
    4_000,
  ],
  ["a large folder", { pauseMs: 5_000, lookMs: 2_000, entries: 50_000 }, 40_000],
])("the pause between two looks at %s", (_name, look, pauseMs) => {
  expect(decidePause(look)).toBe(pauseMs);
});

it("tells once that a folder has grown beyond its bound; what was there before does not count", async () => {
  const root = mkdtempSync(join(tmpdir(), "narun-watch-"));
  writeFileSync(join(root, "own"), Buffer.alloc(1_000_000));
  const onOver = vi.fn();
  const stop = watchFolder({ root, maxBytes: 500_000, onOver });
  let written = 0;
  await eventually(
    () => {
      if (written < 40) writeFileSync(join(root, `more-${written++}`), Buffer.alloc(50_000));
      expect(onOver).toHaveBeenCalledTimes(1);
    },
    { timeoutMs: 25_000 },
  );
  stop();
  rmSync(root, { recursive: true });
});
