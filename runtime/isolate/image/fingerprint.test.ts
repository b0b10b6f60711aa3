import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually } from "../../../test/harness/eventually.ts";
import { fingerprintOf } from "./fingerprint.ts";

let folder: string;
let sources: string;
let notes: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "narun-fingerprint-"));
  sources = join(folder, "sources");
  notes = join(folder, "notes");
  await mkdir(join(sources, "deep"), { recursive: true });
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFile(join(sources, name), text);
const fingerprint = (settings: string[] = [], at = notes) => fingerprintOf([sources], settings, at);

/** The file of the note, as soon as the sources are old enough for one. */
async function noted(): Promise<string> {
  await eventually(async () => {
    await fingerprint();
    expect(await readdir(notes)).toHaveLength(1);
  });
  return join(notes, (await readdir(notes))[0] ?? "");
}

it("changes only with a source, its name and a setting", async () => {
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

it("is noted, and taken from the note until a source is changed, added or removed", async () => {
  await write("deep/a.ts", "1");
  await write("b.ts", "1");
  const changes = [
    () => write("deep/a.ts", "2"),
    () => write("deep/c.ts", ""),
    () => rm(join(sources, "deep/c.ts")),
    () => mkdir(join(sources, "other")),
    () => write("other/d.ts", ""),
  ];
  for (const change of changes) {
    const file = await noted();
    const note = JSON.parse(await readFile(file, "utf8"));
    expect(note.fingerprint).toBe(await fingerprint([], join(folder, "elsewhere")));
    await writeFile(file, JSON.stringify({ ...note, fingerprint: "noted" }));
    expect(await fingerprint()).toBe("noted");
    await change();
    expect(await fingerprint()).toBe(await fingerprint([], join(folder, "elsewhere")));
    await rm(notes, { recursive: true });
  }
});

it("is that of the contents where the note is damaged, or cannot be written", async () => {
  await write("a.ts", "1");
  const file = await noted();
  const right = await fingerprint([], join(folder, "elsewhere"));
  await writeFile(file, '{"states":[');
  expect(await fingerprint()).toBe(right);
  await writeFile(join(folder, "no-folder"), "");
  expect(await fingerprint([], join(folder, "no-folder"))).toBe(right);
});
