import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fingerprintOf, keepBuilt } from "./built-file.ts";

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

  it("makes a damaged one anew", async () => {
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

describe("fingerprintOf", () => {
  it("changes with a source, its name and a setting, and with nothing else", async () => {
    const sources = join(folder, "sources");
    await mkdir(join(sources, "deep"), { recursive: true });
    const write = (name: string, text: string) => writeFile(join(sources, name), text);
    const fingerprint = (settings: string[] = []) => fingerprintOf([sources], settings);
    await write("deep/a.ts", "1");
    const first = await fingerprint();

    await write("notes.txt", "no source");
    await write("a.test.ts", "a test");
    expect(await fingerprint()).toBe(first);

    expect(await fingerprint(["other"])).not.toBe(first);
    await write("deep/a.ts", "2");
    const second = await fingerprint();
    expect(second).not.toBe(first);
    await rm(join(sources, "deep/a.ts"));
    await write("deep/b.ts", "2");
    expect([first, second]).not.toContain(await fingerprint());
  });
});
