/** `narun keys`, and the example of docs/encryption.md, on a world that `narun up` started. */
import { readdirSync, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectNats, openByteKv } from "../../nats/index.ts";
import { type Ended, FREE_PORTS, type Narun, narun, startNarun } from "../testing/narun.ts";
import { createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

const page = readFileSync(new URL("../../docs/encryption.md", import.meta.url), "utf8");

/** The blocks of the example: commands, and files by the name in their first line. */
function blockOf(language: string): string {
  const block = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)?.[1];
  if (block === undefined) throw new Error(`the page has no block in ${language}`);
  return block;
}

let folder: WorkFolder;
let up: Narun;
let addresses: { nats: string; http: string };

beforeAll(async () => {
  const files = [blockOf("yaml"), blockOf("ts")].map((text) => [/^\S+ (\S+)\n/.exec(text)?.[1] ?? "", text]);
  folder = await createWorkFolder(Object.fromEntries(files));
  up = startNarun(["up", ...FREE_PORTS, "--json"], { cwd: folder.dir, limitMs: 300_000 });
  const [line] = await up.shows(/^\{"http".*\}$/m);
  addresses = JSON.parse(line);
});
afterAll(async () => {
  up.kill("SIGTERM");
  await up.ended;
  await up[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const run = (command: string): Promise<Ended> =>
  narun(command.split(" ").slice(1), { cwd: folder.dir, env: { NARUN_NATS_URL: addresses.nats } });
const keys = async (command: string) => {
  const { code, stdout, stderr } = await run(`narun keys ${command} --json`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
};

test("a function without a key is refused by a code that says what lacks", async () => {
  const pushed = await run("narun push shop");
  expect(pushed).toMatchObject({ code: 1, stderr: expect.stringContaining("no key file") });
});

test("the example of the page runs, and the bucket has no card", async () => {
  for (const command of blockOf("sh").trim().split("\n"))
    expect(await run(command)).toMatchObject({ code: 0, stderr: expect.not.stringContaining("failed") });
  const url = `${addresses.http}/shop?customer=42`;
  const answer = await fetch(url, { method: "POST", body: "4111 1111 1111 1111" });
  expect(await answer.text()).toBe("4111 1111 1111 1111");
  const nats = await connectNats({ url: addresses.nats, name: "test" });
  const stored = await openByteKv(nats, "cards").get("42");
  await nats.close();
  const text = Buffer.from(stored?.bytes ?? []).toString();
  const shown = /`(eyJ\w+)…`/.exec(page)?.[1] ?? "";
  expect(shown.length).toBeGreaterThan(20);
  expect(text.startsWith(shown)).toBe(true);
  expect((await stat(folder.path(".narun/data/keys/root.json"))).mode & 0o777).toBe(0o600);
}, 120_000);

test("labels and identities are listed, and change", async () => {
  const before = await keys("ls");
  expect(before).toMatchObject({
    version: 2,
    labels: [{ label: "payments", recipients: ["service:shop"], keys: 1 }],
  });
  expect(await keys("grant payments service:books")).toEqual({ granted: "payments", version: 3 });
  expect(await keys("rotate payments")).toEqual({ rotated: "payments", version: 4 });
  expect(await keys("revoke payments service:books")).toEqual({ revoked: "payments", version: 5 });
  const asked = await keys("new user:ann");
  const { waiting } = await keys("ls");
  expect(waiting).toMatchObject([{ identity: "user:ann", fingerprint: asked.fingerprint }]);
  expect(await run("narun keys enrol user:ann --fingerprint wrong")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("fingerprint"),
  });
  expect(await keys(`enrol user:ann --fingerprint ${asked.fingerprint}`)).toMatchObject({ version: 6 });
  await keys("grant payments user:ann");
  expect(await keys("dismiss user:ann")).toEqual({ dismissed: "user:ann", version: 8 });
  expect(await keys("renew --valid 1h")).toEqual({ renewed: "directory", version: 9 });
  const after = await keys("ls");
  expect(after.labels).toMatchObject([{ label: "payments", recipients: ["service:shop"], keys: 4 }]);
  expect(after.validUntil).toMatch(/^\d{4}-/);
  const { signed, directory } = await keys("export");
  expect(signed.split(".")).toHaveLength(3);
  expect(directory.version).toBe(9);
  const table = await run("narun keys ls");
  expect(table).toMatchObject({ code: 0, stdout: expect.stringContaining("payments") });
  // The value was sealed under the first of the four keys.
  expect(await (await fetch(`${addresses.http}/shop?customer=42`)).text()).toBe("4111 1111 1111 1111");
}, 300_000);

test("no private key is in a file that is no key file", async () => {
  const root = JSON.parse(readFileSync(folder.path(".narun/data/keys/root.json"), "utf8"));
  const secret = root.sealing.d as string;
  const below = readdirSync(folder.dir, { recursive: true, withFileTypes: true }).filter((one) =>
    one.isFile(),
  );
  const found = below.filter(({ parentPath, name }) =>
    readFileSync(`${parentPath}/${name}`, "latin1").includes(secret),
  );
  expect(found.map(({ name }) => name)).toEqual(["root.json"]);
  expect(up.stdout + up.stderr).not.toContain(secret);
});

test("what is wrong is named", async () => {
  for (const [command, text] of [
    ["narun keys grant payments", "needs a label and a recipient"],
    ["narun keys grant Payments service:shop", "a label has"],
    ["narun keys grant payments shop", "a recipient is"],
    ["narun keys grants payments service:shop", "grant"],
    ["narun keys rotate paymets", "did you mean"],
  ])
    expect(await run(command ?? "")).toMatchObject({
      code: expect.toSatisfy((code) => code !== 0),
      stderr: expect.stringContaining(text ?? ""),
    });
}, 120_000);
