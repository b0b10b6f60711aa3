/** `narun files`, and the same store as the original toolkit's tools see it. */
import { jetstream } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectNats, type Nats } from "../../nats/index.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { narun } from "../testing/narun.ts";
import { createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

const closers = new AsyncDisposableStack();
let server: TestNats;
let nats: Nats;
let folder: WorkFolder;
beforeAll(async () => {
  server = closers.use(await startTestNats());
  nats = await connectNats({ url: server.url, name: "test" });
  closers.defer(() => nats.close());
  folder = closers.use(await createWorkFolder({ "settings.json": "{}\n" }));
});
afterAll(() => closers.disposeAsync());

const files = (args: string[], input: string | Uint8Array = "") =>
  narun(["files", ...args, "--nats", server.url], { cwd: folder.dir, input });
/** The store as the original toolkit opens it. */
const store = () => new Objm(jetstream(nats.connection)).open("narun-files");

test("a file is stored with the metadata of the original toolkit, changed, listed and removed", async () => {
  expect(await files(["ls"])).toMatchObject({ code: 0, stdout: "" });
  expect(await files(["add", "app-settings", "./settings.json"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^app-settings {2}added/),
  });
  const info = await (await store()).info("app-settings");
  expect(info?.metadata).toEqual({
    "original-filename": "settings.json",
    "upload-timestamp": expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
  });
  expect((await files(["add", "app-settings", "-"], "changed")).stdout).toMatch(/^app-settings {2}changed/);
  expect(Buffer.from((await (await store()).getBlob("app-settings")) ?? []).toString()).toBe("changed");
  await (await store()).putBlob({ name: "theirs" }, Buffer.from("x"));
  expect(JSON.parse((await files(["list", "--json"])).stdout)).toEqual([
    expect.objectContaining({ name: "app-settings", size: 7, originalName: "app-settings" }),
    expect.objectContaining({ name: "theirs", originalName: null }),
  ]);
  expect((await files(["delete", "theirs"])).stdout).toBe("theirs  removed\n");
  expect((await files(["rm", "app-setings"])).stderr).toContain('did you mean "app-settings"?');
});

test.each([
  [["add", "a/b", "settings.json"], "no /"],
  [["add", "a\nb", "settings.json"], "no control characters"],
  [["add", "missing.txt"], "ENOENT"],
  [["add", "."], "is no file"],
  [["ad", "x"], 'did you mean "add"?'],
  [["rm"], "needs a name"],
])("%j is not how it is used", async (args, reason) => {
  expect(await files(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(reason) });
});
