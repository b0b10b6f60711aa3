/** Many programs at once on one node: their starts, and their ends. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { parseServiceFile } from "../../contracts/index.ts";
import { deployProgram, openProgram } from "../../control/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const COUNT = 16;
/** After SIGTERM a program has this time until it is killed. */
const GRACE_MS = 10_000;

const folder = mkdtempSync(join(tmpdir(), "narun-many-"));
const world = await startWorld();
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** A program with a child. Every second program and its child ignore SIGTERM. */
const sourceOf = (index: number) =>
  `#!/bin/sh\n${index % 2 === 0 ? "trap '' TERM\n" : ""}/bin/sleep 600 &\necho child $!\nwhile :; do wait; /bin/sleep 1; done\n`;

it.skipIf(process.platform !== "linux")(
  "start, and end together within one grace, with their children",
  async () => {
    const names = Array.from({ length: COUNT }, (_, index) => `many-${index}`);
    await Promise.all(
      names.map(async (name, index) => {
        const file = join(folder, name);
        writeFileSync(file, sourceOf(index), { mode: 0o755 });
        const spec = parseServiceFile(JSON.stringify({ name, tag: "v1", nodes: [{ name: "mortal" }] }));
        if (!spec.ok) throw new Error("the spec is valid");
        await deployProgram(world.connection, { spec: spec.value, programs: [await openProgram(file)] });
      }),
    );
    const node = await world.startNode("mortal");
    const pids = await eventually(
      async () => {
        const all = await Promise.all(
          names.map(async (name) => {
            const statuses = world.statuses(name);
            expect(statuses.map(({ status }) => status)).toEqual(["starting", "running"]);
            const child = (await world.logs(name)).flatMap(
              ({ message }) => /^child (\d+)$/.exec(message)?.[1] ?? [],
            );
            expect(child).toHaveLength(1);
            return [statuses.at(-1)?.pid ?? 0, Number(child[0])];
          }),
        );
        return all.flat();
      },
      { timeoutMs: 30_000 },
    );
    expect(new Set(pids).size).toBe(2 * COUNT);
    expect(pids.map(isAlive)).not.toContain(false);

    const startedMs = performance.now();
    await node.drain();
    // The system clears a killed child away after its parent.
    await eventually(() => expect(pids.filter(isAlive)).toEqual([]));
    // One after the other they would take the grace of each that ignores the signal.
    expect(performance.now() - startedMs).toBeLessThan((GRACE_MS * COUNT) / 4);
    for (const [index, name] of names.entries())
      expect(world.statuses(name).at(-1), `${index}`).toMatchObject({ status: "stopped" });
  },
  120_000,
);
