/** The start of a system that has its functions already, and the push of a function. */
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Bench, samplesOf } from "../frame/bench.ts";
import type { Sample } from "../frame/row.ts";
import type { Section } from "../frame/section.ts";
import { makeDataDirs, type SystemOptions, startSystem, timeCli } from "../system.ts";

const folderOf = (path: string) => fileURLToPath(new URL(`../../functions/${path}`, import.meta.url));
const examples = folderOf("examples");

const rows = () => ({
  ready: {
    name: "narun up, start to ready, the examples already pushed",
    unit: "ms",
    targets: [{ atMost: 1_000, behind: 1.3 }],
  },
  same: { name: "narun push of hello, unchanged", unit: "ms", targets: [{ atMost: 200, behind: 1.3 }] },
  changed: {
    name: "narun push of hello, a new revision",
    unit: "ms",
    targets: [{ atMost: 200, behind: 1.8 }],
  },
});

export const start: Section = { rows, measure, needs: [] };

async function measure(bench: Bench): Promise<void> {
  const { ready, same, changed } = rows();
  bench.heading(`start and push, ${bench.rounds} rounds`);
  await using stack = new AsyncDisposableStack();
  const dataDirs = stack.use(await makeDataDirs());
  const options = Object.entries(bench.roots).map(([name, root]): [string, SystemOptions] => [
    name,
    { root, dataDir: dataDirs.of(name) },
  ]);
  // The first start pushes the examples.
  for (const [, of] of options) await timeReady(of);
  await bench.takeTurns(ready, Object.fromEntries(options.map(([name, of]) => [name, () => timeReady(of)])));

  const hello = stack.use(await copyHello());
  const pushes: Record<string, () => Promise<{ same: number; changed: number }>> = {};
  for (const [name, of] of options) {
    const { nats } = stack.use(await startSystem([examples], of));
    // The command is the system's own, as another checkout may write data that the system cannot read.
    const push = () => timeCli(["push", hello.folder], nats, of.root);
    pushes[name] = async () => {
      await hello.change();
      return { changed: await push(), same: await push() };
    };
  }
  const turns = await bench.inTurns(pushes);
  bench.record(
    same,
    samplesOf(turns, (times) => ({ value: times.same })),
  );
  bench.record(
    changed,
    samplesOf(turns, (times) => ({ value: times.changed })),
  );
}

async function timeReady(options: SystemOptions): Promise<Sample> {
  await using system = await startSystem([examples], options);
  return { value: system.readyMs };
}

/** The hello function in a folder of its own. Each change makes another revision. */
async function copyHello(): Promise<{ folder: string; change(): Promise<void> } & AsyncDisposable> {
  const parent = await mkdtemp(join(tmpdir(), "narun-bench-hello-"));
  const folder = join(parent, "hello");
  await cp(join(examples, "hello"), folder, { recursive: true });
  let changes = 0;
  return {
    folder,
    change: () =>
      writeFile(
        join(folder, "index.ts"),
        `export default () => new Response("Hello, world ${++changes}!");\n`,
      ),
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  };
}
