/** Programs whose file changes, or finds no room, while a node fetches it. */
import { createHash } from "node:crypto";
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { MIB, parseServiceFile } from "../../contracts/index.ts";
import { deployProgram, openProgram, removeFunction } from "../../control/index.ts";
import { eventually } from "../harness/eventually.ts";
import { mountSmallDisk } from "../harness/small-disk.ts";
import { startWorld } from "../harness/world.ts";

const folder = mkdtempSync(join(tmpdir(), "narun-fetches-"));
const SLOW = { timeoutMs: 30_000 };

/** A file system of its own for the node: only root may mount one. */
const disk = await mountSmallDisk(24).catch(() => undefined);
const cacheDir = join(disk?.dir ?? folder, "cache");
const ENOUGH_MB = 200;

const world = await startWorld({ cacheDir });
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await disk?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A program of so many MiB that sleeps. `mark` makes its bytes others. */
async function programOf(name: string, sizeMib: number, mark = "") {
  const file = join(folder, name);
  copyFileSync("/bin/sleep", file);
  truncateSync(file, sizeMib * MIB);
  appendFileSync(file, mark);
  return openProgram(file);
}

async function deploy(name: string, program: Awaited<ReturnType<typeof programOf>>) {
  const spec = parseServiceFile(
    JSON.stringify({ name, tag: "v1", nodes: [{ name: "node-0" }], args: ["600"] }),
  );
  if (!spec.ok) throw new Error("the spec is valid");
  await deployProgram(world.connection, { spec: spec.value, programs: [program] });
}

const files = () => readdirSync(join(cacheDir, "files"));
const last = (name: string) => world.statuses(name).at(-1);
const ended = (name: string, id: string) =>
  world.statuses(name).some(({ status, instance_id: one }) => one === id && /stop|crash|fail/.test(status));
/** Resolves when an instance runs with these bytes. Before, the process is that of a program that sets its bounds. */
const runs = (name: string, { sha256 }: { sha256: string }) =>
  eventually(() => {
    // The end of an instance that was replaced may be told last.
    const [running] = world
      .statuses(name)
      .filter(({ status, instance_id: id }) => status === "running" && !ended(name, id));
    const bytes = readFileSync(`/proc/${running?.pid}/exe`);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
  }, SLOW);

describe.skipIf(disk === undefined)("on a disk that is full", () => {
  afterEach(() => removeFunction(world.connection, "large"));

  it("a program is told with its reason, leaves no part, and starts when there is room", async () => {
    const [neighbour, large] = [await programOf("neighbour", 1), await programOf("large", 40)];
    await deploy("neighbour", neighbour);
    await runs("neighbour", neighbour);
    await deploy("large", large);
    await eventually(
      () =>
        expect(last("large")).toMatchObject({
          status: "failed",
          error: expect.stringMatching(/^NODE_DISK_FULL: .*large-v1-linux-\w+, 41943040 bytes/),
        }),
      SLOW,
    );
    // Between two tries nothing of it is there.
    await eventually(() => expect(files().filter((name) => name.includes(".part"))).toEqual([]), SLOW);
    expect(last("neighbour")).toMatchObject({ status: "running" });
    await world.push("small", `export default () => new Response("fits");`);
    expect(await world.call("/small")).toMatchObject({ status: 200, text: "fits" });

    disk?.resize(ENOUGH_MB);
    await runs("large", large);
  }, 90_000);
});

describe.skipIf(process.platform !== "linux")("while it is fetched", () => {
  it("a program that is deployed anew under its tag runs with its last bytes", async () => {
    const [first, second] = [await programOf("one", 30, "first"), await programOf("two", 30, "second")];
    disk?.resize(ENOUGH_MB);
    await deploy("changing", first);
    await eventually(() => expect(files().join()).toContain(first.sha256), SLOW);
    await deploy("changing", second);
    await runs("changing", second);
    await removeFunction(world.connection, "changing");
  }, 90_000);
});
