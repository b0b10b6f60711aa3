import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keepBuilt } from "./built-file.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "narun-built-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe("keepBuilt", () => {
  const build = () => {
    let times = 0;
    const make = async () => {
      times += 1;
      return Buffer.from("what was made");
    };
    const load = async () => Buffer.from(await keepBuilt(join(folder, "kept", "file"), make)).toString();
    return { load, times: () => times };
  };

  it("makes a file once, for its owner alone", async () => {
    const { load, times } = build();
    expect([await load(), await load()]).toEqual(["what was made", "what was made"]);
    expect(times()).toBe(1);
    expect((await stat(join(folder, "kept", "file"))).mode & 0o777).toBe(0o600);
  });

  it("makes a damaged file again", async () => {
    const { load, times } = build();
    await load();
    const whole = await readFile(join(folder, "kept", "file"));
    for (const damaged of [whole.subarray(0, -1), whole.subarray(1), Buffer.alloc(0)]) {
      await writeFile(join(folder, "kept", "file"), damaged);
      expect(await load()).toBe("what was made");
    }
    expect(times()).toBe(4);
  });
});

describe("a kept file", () => {
  const name = (digit: string, ending = "snapshot") => `${digit.repeat(32)}.${ending}`;
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
  const write = async (file: string, days: number) => {
    await writeFile(join(folder, file), "x");
    await utimes(join(folder, file), daysAgo(days), daysAgo(days));
  };
  const load = (file: string) => keepBuilt(join(folder, file), async () => Buffer.from("made"));

  it("goes after 30 days without a use; no other file does", async () => {
    await write(name("a"), 31);
    await write(name("b"), 29);
    await write(`${name("c")}.4711`, 31);
    await write("notes.txt", 400);
    await load(name("d"));
    expect((await readdir(folder)).sort()).toEqual([name("b"), name("d"), "notes.txt"].sort());
  });

  it("stays while it is used, however old it is", async () => {
    await load(name("a"));
    await utimes(join(folder, name("a")), daysAgo(31), daysAgo(31));
    await load(name("a"));
    await load(name("b"));
    expect((await readdir(folder)).sort()).toEqual([name("a"), name("b")]);
  });

  it("goes once, though several processes find it at a time", async () => {
    for (const digit of "abcdef") await write(name(digit), 31);
    await Promise.all(Array.from({ length: 8 }, (_, n) => load(name(String(n)))));
    expect(await readdir(folder)).toHaveLength(8);
  });
});
