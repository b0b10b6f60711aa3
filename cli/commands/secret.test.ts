/** `narun secret`, on a world that `narun up` started. */
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { generateSecretsKey } from "../../nats/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { type Ended, FREE_PORTS, type Narun, narun, startNarun } from "../testing/narun.ts";
import { createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

let folder: WorkFolder;
let up: Narun;
let nats: string;
let http: string;

beforeAll(async () => {
  folder = await createWorkFolder({
    "shop/index.ts": "export default (_: Request, env: any) => new Response(env.KEY);\n",
    "shop/narun.yaml": "scale: { idleSeconds: 0.2 }\nbindings: [{ name: KEY, secret: payment-key }]\n",
  });
  up = startNarun(["up", ...FREE_PORTS, "--data-dir", folder.path("data"), "--json"], {
    cwd: folder.dir,
    limitMs: 120_000,
  });
  const [line] = await up.shows(/^\{"http".*\}$/m);
  ({ nats, http } = z.object({ nats: z.string(), http: z.string() }).parse(JSON.parse(line)));
});
afterAll(async () => {
  up.kill("SIGTERM");
  await up.ended;
  await up[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const run = (
  args: string[],
  input: string | Uint8Array = "",
  env: Record<string, string> = {},
): Promise<Ended> => narun(args, { cwd: folder.dir, input, env: { NARUN_NATS_URL: nats, ...env } });
const secret = (args: string[], input?: string | Uint8Array, env?: Record<string, string>) =>
  run(["secret", ...args, "--data-dir", folder.path("data")], input, env);

test("the key that narun up makes is its owner's alone", async () => {
  const { mode } = await stat(folder.path("data/secrets.key"));
  expect(mode & 0o777).toBe(0o600);
});

test("a secret is set from stdin, listed without its value, and reaches the function", async () => {
  expect(await run(["push", "shop"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no such secret"),
  });
  expect(await secret(["ls"])).toMatchObject({ code: 0, stdout: "" });
  const set = await secret(["set", "payment-key", "--description", "of the shop"], "s3cret\n");
  expect(set).toMatchObject({ code: 0, stdout: "payment-key  set\n", stderr: "" });
  expect(await run(["push", "shop"])).toMatchObject({ code: 0 });
  expect(await (await fetch(`${http}/shop`)).text()).toBe("s3cret");

  const listed = await secret(["ls", "--json"]);
  expect(JSON.parse(listed.stdout)).toEqual([
    { name: "payment-key", description: "of the shop", updatedAt: expect.stringMatching(/^\d{4}-/) },
  ]);
  const words = [up.stdout, up.stderr, listed.stdout, (await run(["logs"])).stdout].join("");
  expect(words).not.toContain("s3cret");
});

test("a secret that is changed keeps its description", async () => {
  await secret(["set", "changing", "--description", "kept"], "one");
  expect((await secret(["set", "changing"], "two")).stdout).toBe("changing  changed\n");
  const { stdout } = await secret(["ls", "--json"]);
  expect(JSON.parse(stdout)).toContainEqual(
    expect.objectContaining({ name: "changing", description: "kept" }),
  );
});

test("a secret is removed; the nearest name is told", async () => {
  await secret(["set", "short-lived"], "x");
  expect((await secret(["rm", "short-livd"])).stderr).toContain('did you mean "short-lived"?');
  expect(await secret(["rm", "short-lived"])).toMatchObject({ code: 0, stdout: "short-lived  removed\n" });
  expect(await secret(["rm", "short-lived"])).toMatchObject({ code: 1 });
});

test.each([
  [["sett", "a"], 'did you mean "set"?'],
  [["set"], "needs a name"],
  [["set", "a b"], "a secret's name"],
  [["set", "empty"], "stdin is empty"],
])("%j is not how it is used", async (args, message) => {
  expect(await secret(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
});

test("a value that is no text is refused, and what was set before stays", async () => {
  await secret(["set", "binary"], "before");
  const bytes = Buffer.from("bin\xff\xfe", "latin1");
  const set = await secret(["set", "binary"], bytes);
  expect(set).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(/no text in UTF-8.*base64/),
  });
  expect((await secret(["set", "new-binary"], bytes)).code).toBe(2);
  expect((await secret(["ls"])).stdout).not.toContain("new-binary");
});

test("the key may come by the environment, or by another file that nobody else reads", async () => {
  const key = generateSecretsKey();
  expect(await secret(["set", "other"], "x", { NARUN_SECRETS_KEY: key })).toMatchObject({ code: 0 });
  expect(await secret(["set", "other"], "x", { NARUN_SECRETS_KEY: "short" })).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/NARUN_SECRETS_KEY is not 32 bytes/),
  });
  const file = folder.path("other.key");
  await writeFile(file, key, { mode: 0o644 });
  // The text may be the key itself.
  const none = await secret(["set", "other", "--secrets-key", "czNjcmV0"], "x");
  expect(none).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--secrets-key: the file is not there"),
  });
  expect(none.stderr).not.toContain("czNjcmV0");
  const open = await secret(["set", "other", "--secrets-key", file], "x");
  expect(open).toMatchObject({ code: 2, stderr: expect.stringContaining("chmod 600") });
  expect(open.stderr).not.toContain(key);
  await chmod(file, 0o600);
  expect(await secret(["set", "other", "--secrets-key", file], "x")).toMatchObject({ code: 0 });
  const missing = await run(["secret", "set", "other", "--data-dir", folder.path("nowhere")], "x");
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("NARUN_SECRETS_KEY") });
  expect(await readFile(folder.path("data/secrets.key"), "utf8")).not.toContain(key);
});

test("the key is changed in its file; running functions and later starts have their values all the while", async () => {
  const file = folder.path("data/secrets.key");
  const [before, count] = [
    await readFile(file, "utf8"),
    JSON.parse((await secret(["ls", "--json"])).stdout).length,
  ];
  // Secrets of this file's other tests were set under other keys.
  for (const name of ["other"]) await secret(["rm", name]);
  const rotated = await secret(["rotate-key"]);
  expect(rotated).toMatchObject({ code: 0, stdout: `${count - 1} secrets are encrypted under a new key\n` });
  const after = await readFile(file, "utf8");
  expect(after).not.toContain(before.trim());
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  for (const text of [rotated.stdout, rotated.stderr]) {
    expect(text).not.toContain(after.trim());
    expect(text).not.toContain(before.trim());
  }
  expect(await (await fetch(`${http}/shop`)).text()).toBe("s3cret");
  // The node opens a secret that only the new key opens.
  await secret(["set", "payment-key"], "changed");
  await eventually(async () => expect(await (await fetch(`${http}/shop`)).text()).toBe("changed"));
});

test("an interrupted change of the key goes on; a key that is no file is left alone", async () => {
  const file = folder.path("data/secrets.key");
  const next = generateSecretsKey();
  await writeFile(file, `${next}\n${await readFile(file, "utf8")}`);
  await secret(["set", "half"], "x");
  expect(await secret(["rotate-key", "--json"])).toMatchObject({ code: 0 });
  expect(await readFile(file, "utf8")).toBe(`${next}\n`);
  const refused = await secret(["rotate-key"], "", { NARUN_MASTER_KEY: next });
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("NARUN_MASTER_KEY has the key itself"),
  });
  expect(await secret(["set", "half"], "y", { NARUN_MASTER_KEY_PATH: file })).toMatchObject({ code: 0 });
});

test("nothing is changed where neither key opens a secret", async () => {
  const stranger = generateSecretsKey();
  await secret(["set", "strange"], "x", { NARUN_SECRETS_KEY: stranger });
  const refused = await secret(["rotate-key"]);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/neither .* opens strange; nothing was changed/),
  });
  await secret(["rm", "strange"]);
  expect(await secret(["rotate-key"])).toMatchObject({ code: 0 });
});
