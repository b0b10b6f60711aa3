/**
 * Workflows on a node whose clock is wrong by minutes, its hosts' clocks too: they follow the clock of NATS, also where the runner of
 * another machine, whose clock is right, calls them.
 */
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pino } from "pino";
import { describe, expect, inject, it } from "vitest";
import { createTriggerCalls } from "../../triggers/index.ts";
import { startWorkflows } from "../../workflows/workflows.ts";
import { startTestNode } from "../harness/node-process.ts";
import { startWorld, type World } from "../harness/world.ts";

const MINUTE_MS = 60_000;
/** Between right and wrong, on a busy machine. */
const NEAR_MS = 5 * MINUTE_MS;

const LIBRARY = ["x86_64", "aarch64"]
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`)
  .find((file) => existsSync(file));
const BUBBLEWRAP = (process.env.PATH ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "bwrap"))
  .find((file) => existsSync(file));

const source = `import { timedOut, workflow } from "narun";
export default workflow(async (ctx) => {
  const at = ctx.now();
  await ctx.sleep(400);
  const isLate = (await ctx.waitFor("never", { timeout: 300 })) === timedOut;
  const attempts = await ctx.step("again", { retry: { max: 2, backoff: "constant", delay: 300 } }, ({ attempt }) => {
    if (attempt === 1) throw new Error("the first attempt fails");
    return attempt;
  });
  return { at, isLate, attempts, tookMs: ctx.now() - at };
});`;
const LEAST_MS = 1_000;

/** A bubblewrap that gives hosts a wrong clock. Their environment is not the node's. */
async function wrongBubblewrap(folder: string, clock: Record<string, string>): Promise<void> {
  const values = Object.entries(clock).map(([name, value]) => `--setenv ${name} '${value}'`);
  const file = join(folder, "bwrap");
  await writeFile(file, `#!/bin/sh\nexec ${BUBBLEWRAP} ${values.join(" ")} "$@"\n`);
  await chmod(file, 0o755);
}

/** A runner of workflows with a right clock, without instances of its own. */
async function startRightRunner({ connection: nats }: World, stack: AsyncDisposableStack) {
  const log = pino({ level: "silent" });
  const real = createTriggerCalls({ nats, log });
  stack.defer(() => real.close());
  let count = 0;
  const call: typeof real.call = (one) => {
    count += 1;
    return real.call(one);
  };
  const runner = await startWorkflows({ nats, log, calls: { ...real, call } });
  stack.defer(() => runner.drain({ graceMs: 10_000 }));
  return () => count;
}

/** More than one runner takes: the server hands them out in turn. */
const COUNT = 8;

describe.skipIf(LIBRARY === undefined || BUBBLEWRAP === undefined)("a workflow on a node", () => {
  it.each([
    ["ahead", 30],
    ["behind", -30],
  ])(
    "whose clock is half an hour %s sleeps, waits and tries again as long as it says",
    async (_, minutes) => {
      await using stack = new AsyncDisposableStack();
      const world = stack.use(await startWorld({ nodes: 0 }));
      const folder = await mkdtemp(join(tmpdir(), "narun-clock-"));
      stack.defer(() => rm(folder, { recursive: true, force: true }));
      const clock = {
        LD_PRELOAD: LIBRARY ?? "",
        FAKETIME: `${minutes > 0 ? "+" : ""}${minutes}m`,
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      };
      await wrongBubblewrap(folder, clock);
      const node = await startTestNode({
        ...{ name: "wrong", natsUrl: world.nats.url, cacheDir: inject("nodeCache") },
        // By its clock the folders of other runners are old, and it would remove them.
        environment: { ...clock, PATH: `${folder}${delimiter}${process.env.PATH}`, TMPDIR: folder },
        onEnding: world.noteProcess,
      });
      stack.defer(() => node.drain());
      await world.push("clocked", source, { workflow: true });
      await world.push("clock", "export default () => new Response(String(Date.now()));");
      const errorMs = Number((await world.call("/clock")).text) - Date.now();
      expect(Math.abs(errorMs - minutes * MINUTE_MS)).toBeLessThan(NEAR_MS);

      const callsOfRight = await startRightRunner(world, stack);
      const beganAt = Date.now();
      const run = async (id: number) => {
        await world.call(`/clocked/${id}`, { method: "POST" });
        const { status, text } = await world.call(`/clocked/${id}/result?wait=60`);
        expect(status).toBe(200);
        return { ...(JSON.parse(text) as { at: number; tookMs: number }), lastedMs: Date.now() - beganAt };
      };
      for (const { at, tookMs, lastedMs, ...facts } of await Promise.all(
        Array.from({ length: COUNT }, (_, id) => run(id)),
      )) {
        expect(facts).toEqual({ isLate: true, attempts: 2 });
        expect(Math.abs(at - beganAt)).toBeLessThan(NEAR_MS);
        for (const ms of [tookMs, lastedMs]) expect(ms).toBeGreaterThanOrEqual(LEAST_MS);
        expect(tookMs).toBeLessThan(NEAR_MS);
      }
      expect(callsOfRight()).toBeGreaterThan(0);
    },
    90_000,
  );
});
