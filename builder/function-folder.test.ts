import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { findFunctions, loadFunction } from "./function-folder.ts";
import { createSourceFolder } from "./testing/source-folder.ts";

const HANDLER = "export default () => new Response()";

test("a folder with just an entry is a function, named after the folder", async () => {
  await using folder = await createSourceFolder({ "index.ts": HANDLER });
  const { dir, entry, config } = await loadFunction(folder.dir);
  expect(dir).toBe(folder.dir);
  expect(entry).toBe("index.ts");
  expect(config).toMatchObject({
    name: "hello",
    mode: "isolate",
    routes: [{ path: "/hello" }, { path: "/hello/*" }],
    scale: { min: 0, idleSeconds: 60 },
  });
});

test("narun.yaml overrides name, entry and routes", async () => {
  await using folder = await createSourceFolder({
    "main.ts": HANDLER,
    "index.ts": HANDLER,
    "narun.yaml":
      "name: other\nentry: main.ts\nroutes: [{ path: /x, methods: [GET] }]\nscale: { idleSeconds: 1 }\n",
  });
  const { entry, config } = await loadFunction(folder.dir);
  expect(entry).toBe("main.ts");
  expect(config).toMatchObject({ name: "other", routes: [{ path: "/x", methods: ["GET"] }] });
  expect(config.scale).toMatchObject({ idleSeconds: 1, concurrency: 50 });
});

test.each(["index.tsx", "index.mts", "index.js", "index.mjs", "src/index.ts"])("finds %s", async (file) => {
  await using folder = await createSourceFolder({ [file]: HANDLER });
  expect((await loadFunction(folder.dir)).entry).toBe(file);
});

test("every issue of narun.yaml is told at once, with its line and the nearest key", async () => {
  await using folder = await createSourceFolder({
    "index.ts": HANDLER,
    "narun.yaml": "name: hello\nscale:\n  idelSeconds: 3\n  min: 5\n  max: 2\nentri: x\n",
  });
  await expect(loadFunction(folder.dir)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    fields: {
      detail: expect.stringMatching(
        /hello\/narun\.yaml:3: unknown key "idelSeconds"; did you mean "idleSeconds"\?\n.*hello\/narun\.yaml:4: scale\.min: min is over max\n.*hello\/narun\.yaml:6: unknown key "entri"; did you mean "entry"\?/,
      ),
      issues: [
        { line: 3, key: "scale.idelSeconds" },
        { line: 4, key: "scale.min" },
        { line: 6, key: "entri" },
      ],
    },
  });
});

test("a value that is out of range is told with its key", async () => {
  await using folder = await createSourceFolder({
    "index.ts": HANDLER,
    "narun.yaml": "scale:\n  min: 5\n  max: 2\n",
  });
  await expect(loadFunction(folder.dir)).rejects.toMatchObject({
    fields: { detail: expect.stringMatching(/narun\.yaml:2: scale\.min: min is over max$/) },
  });
});

test("text that is no YAML is told with its line", async () => {
  await using folder = await createSourceFolder({
    "index.ts": HANDLER,
    "narun.yaml": "name: hello\nenv: [\n",
  });
  await expect(loadFunction(folder.dir)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    fields: { detail: expect.stringMatching(/narun\.yaml:\d+: /) },
  });
});

test("a narun.yaml in another encoding than UTF-8 is refused, not read with damaged values", async () => {
  await using folder = await createSourceFolder({ "index.ts": HANDLER });
  const text = "env: [{ name: GREETING, value: Gr\u00fc\u00dfe }]\n";
  await writeFile(join(folder.dir, "narun.yaml"), Buffer.from(text, "latin1"));
  await expect(loadFunction(folder.dir)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    fields: { detail: expect.stringContaining("narun.yaml is no text in UTF-8") },
  });
});

test("a folder whose name cannot name a function needs a name in narun.yaml", async () => {
  await using folder = await createSourceFolder({ "index.ts": HANDLER }, "my function");
  await expect(loadFunction(folder.dir)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    fields: { detail: expect.stringContaining('set "name:" in') },
  });
  await folder.write("narun.yaml", "name: mine\n");
  expect((await loadFunction(folder.dir)).config.name).toBe("mine");
});

test("a folder without an entry says what was looked for", async () => {
  await using folder = await createSourceFolder({ "narun.yaml": "" });
  await expect(loadFunction(folder.dir)).rejects.toMatchObject({
    code: "ENTRY_NOT_FOUND",
    fields: { detail: expect.stringMatching(/index\.ts, index\.tsx, .*src\/index\.ts/) },
  });
  await folder.write("narun.yaml", "entry: main.ts\n");
  await expect(loadFunction(folder.dir)).rejects.toMatchObject({
    code: "ENTRY_NOT_FOUND",
    fields: { detail: expect.stringContaining("main.ts") },
  });
});

test("finds the functions below a folder, or the folder itself", async () => {
  await using folder = await createSourceFolder({
    "b/index.ts": HANDLER,
    "a/narun.yaml": "",
    "docs/readme.md": "",
    "c/src/index.ts": HANDLER,
    ".hidden/index.ts": HANDLER,
    "node_modules/index.ts": HANDLER,
    "file.txt": "",
  });
  await mkdir(folder.path("empty"));
  expect(await findFunctions(folder.dir)).toEqual(["a", "b", "c"].map(folder.path));
  expect(await findFunctions(folder.path("b"))).toEqual([folder.path("b")]);
  expect(await findFunctions(folder.path("empty"))).toEqual([]);
  await expect(findFunctions(`${dirname(folder.dir)}/none`)).rejects.toMatchObject({
    code: "ENTRY_NOT_FOUND",
  });
});

test("a schedule without ticks is refused, with its line and the reason", async () => {
  await using folder = await createSourceFolder({
    "index.ts": HANDLER,
    "narun.yaml":
      'schedule:\n  - "*/5 * * * *"\n  - name: report\n    cron: "0 3 31 2 *"\n  - name: report\n    cron: "@daily"\n    zone: Europe/Berln\n',
  });
  await expect(loadFunction(folder.dir)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    fields: {
      detail: expect.stringMatching(
        /hello\/narun\.yaml:5: schedule\.2\.name: schedule\[1\] has the name report already/,
      ),
    },
  });
  await folder.write(
    "narun.yaml",
    'schedule:\n  - cron: "0 3 31 2 *"\n  - name: report\n    cron: "@daily"\n    zone: Europe/Berln\n',
  );
  await expect(loadFunction(folder.dir)).rejects.toMatchObject({
    fields: {
      detail: expect.stringMatching(
        /narun\.yaml:2: schedule\.0\.cron: it never fires: no month of 2 has a day 31\n.*narun\.yaml:5: schedule\.1\.zone: "Europe\/Berln" is no time zone; did you mean Europe\/Berlin\?/,
      ),
    },
  });
  await folder.write("narun.yaml", "schedule: '@hourly'\n");
  expect((await loadFunction(folder.dir)).config.schedule).toEqual([
    { cron: "@hourly", missed: "skip", overlap: "skip", retries: 0 },
  ]);
});
