import { pino } from "pino";
import { expect, inject, it } from "vitest";
import { FunctionConfigSchema } from "../../../contracts/index.ts";
import { eventually } from "../../../test/harness/eventually.ts";
import { startTestNats } from "../../../test/harness/nats.ts";
import { loadHostProgram } from "./host-program.ts";
import { startIsolateHost } from "./isolate-host.ts";
import { loadSnapshot } from "./snapshot.ts";

const cacheDir = inject("nodeCache");
const config = FunctionConfigSchema.parse({ name: "hello", routes: [] });
const bundle = Buffer.from(`export default () => new Response("hello");`);

it("replaces a process that holds too much memory: what is new goes to the next, what runs is drained", async () => {
  await using nats = await startTestNats();
  const gone: [string, string][] = [];
  const host = startIsolateHost({
    node: "n",
    group: "default",
    nats: { url: nats.url },
    snapshot: await loadSnapshot(cacheDir),
    program: await loadHostProgram(cacheDir),
    sandbox: { bubblewrap: undefined, maxMemoryMb: undefined },
    egressDeny: [],
    isInspected: false,
    // Less than any process has, with what its functions may have.
    maxMemoryMb: -config.limits.memoryMb,
    minAgeMs: 0,
    events: {
      onIdle: () => undefined,
      onGone: (instance, reason) => gone.push([instance, reason]),
      onGuilty: () => undefined,
      onDied: (instances) => gone.push(["died", instances.join()]),
      onInspected: () => undefined,
      sourceMapOf: async () => undefined,
    },
    log: pino({ level: "silent" }),
  });
  const start = (instance: string) => host.start({ instance, revision: "1", config, secrets: {}, bundle });
  try {
    expect(await start("one")).toMatchObject({ ok: true });
    const first = host.pid;
    expect(host.pidOf("one")).toBe(first);
    await eventually(() => expect(gone).toEqual([["one", "shutdown"]]), { timeoutMs: 15_000 });
    expect(await start("two")).toMatchObject({ ok: true });
    expect(host.pidOf("two")).not.toBe(first);
    expect(host.pidOf("one")).toBe(undefined);
  } finally {
    await host.close({ graceMs: 1_000 });
  }
});
