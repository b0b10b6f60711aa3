import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { nodeOptions } from "../spawn-host.ts";
import { type HostProgram, loadHostProgram } from "./host-program.ts";

const run = promisify(execFile);
let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "narun-program-"));
});

afterEach(() => rm(cache, { recursive: true, force: true }));

/** Starts the program as a host. It ends by itself without a channel to a runner. */
const start = ({ file, readable }: HostProgram) =>
  run(process.execPath, [...nodeOptions(readable), file], { env: {}, timeout: 20_000 });

it("is one file, which reads only isolated-vm besides itself", async () => {
  const program = await loadHostProgram(cache);
  expect(await start(program)).toEqual({ stdout: "", stderr: "" });
  const withoutNativeCode = program.readable.filter((path) => !path.endsWith("isolated-vm"));
  await expect(start({ ...program, readable: withoutNativeCode })).rejects.toThrow();
});

it("renews the date of its file when a host starts, so that the file does not count as unused", async () => {
  const program = await loadHostProgram(cache);
  const long = new Date(Date.now() - 40 * 86_400_000);
  await utimes(program.file, long, long);
  program.restore();
  expect((await stat(program.file)).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
});

it("puts its file back, for its owner alone, whenever the cache was emptied", async () => {
  const program = await loadHostProgram(cache);
  const before = await readFile(program.file);
  for (const _ of ["first", "again"]) {
    await rm(cache, { recursive: true });
    program.restore();
    expect((await readFile(program.file)).equals(before)).toBe(true);
    expect((await stat(program.file)).mode & 0o777).toBe(0o600);
  }
});
