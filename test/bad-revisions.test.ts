import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stores } from "../contracts/index.ts";
import { listFunctions } from "../control/index.ts";
import { openBinaries, openRevisions } from "../nats/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startWorld, type World } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

const hello = (text: string) => `export default () => new Response(${JSON.stringify(text)});`;
const listed = async (inWorld: World, name: string) =>
  (await listFunctions(inWorld.connection)).find((row) => row.name === name);

const broken = [
  {
    what: "throws",
    top: `throw new Error("at the top");`,
    code: "FUNCTION_START_FAILED",
    log: /index\.ts:1/,
    limits: {},
  },
  { what: "loops", top: `for (;;);`, code: "CPU_LIMIT", log: /200 ms/, limits: { cpuMs: 200 } },
  {
    what: "allocates",
    top: `const kept = []; for (;;) kept.push({});`,
    code: "MEMORY_LIMIT",
    log: /32 MB/,
    limits: { cpuMs: 9_000, memoryMb: 32 },
  },
];

describe("a revision whose top level fails", () => {
  it.each(broken)(
    "$what: the push is refused, and the old one goes on answering",
    async ({ what, top, code, limits }) => {
      const name = `top-${what}`;
      const { revision } = await world.push(name, hello("good"), { limits });
      await expect(world.push(name, `${top}\n${hello("bad")}`, { limits })).rejects.toMatchObject({
        code: "TRIAL_FAILED",
        fields: { node: "node-0", reason: code },
      });
      expect(await world.call(`/${name}`)).toMatchObject({ status: 200, text: "good" });
      await eventually(async () =>
        expect(await listed(world, name)).toMatchObject({ revision, state: "running" }),
      );
    },
  );

  it("pushed when no node was there: 503, the reason is shown, and the next push is a new start", async () => {
    await using late = await startWorld({ nodes: 0 });
    for (const { what, top, limits } of broken) {
      await late.push(what, `${top}\n${hello("never")}`, { limits });
    }
    await late.startNode("node-0");
    for (const { what, code, log, limits } of broken) {
      expect(await late.call(`/${what}`)).toMatchObject({ status: 503, code: "FUNCTION_START_FAILED" });
      const error = expect.stringContaining(code);
      await eventually(async () => {
        expect(late.statuses(what)).toContainEqual(expect.objectContaining({ status: "failed", error }));
        expect(await listed(late, what)).toMatchObject({ state: "failing", error });
        const messages = (await late.logs(what)).map(({ message }) => message);
        expect(messages).toContainEqual(expect.stringMatching(log));
      });
      await late.push(what, hello("good now"), { limits });
      expect(await late.call(`/${what}`)).toMatchObject({ status: 200, text: "good now" });
      await eventually(async () => expect(await listed(late, what)).toMatchObject({ state: "running" }));
    }
  });
});

describe("a bundle whose stored bytes are not what their digest says", () => {
  it("is never run; the status, the log and narun ls say why; a push repairs it", async () => {
    const cacheDir = await mkdtemp(join(tmpdir(), "narun-test-fresh-"));
    try {
      await using fresh = await startWorld({ nodes: 0, cacheDir });
      const source = hello("the real one");
      const { revision } = await fresh.push("forged", source);
      const manifest = await (await openRevisions(fresh.connection)).get(`forged.${revision}`);
      if (!manifest?.ok) throw new Error("the revision is stored");
      const forgery = Buffer.from(hello("forged").replace("export default", "export default async"));
      await (await openBinaries(fresh.connection)).put(manifest.value.bundle.sha256, forgery, {
        replace: true,
      });

      await fresh.startNode("node-0");
      const refused = await fresh.call("/forged");
      expect(refused).toMatchObject({ status: 503, code: "FUNCTION_START_FAILED" });
      expect(fresh.announcements("forged").map(({ state }) => state)).not.toContain("ready");
      const error = expect.stringContaining("DIGEST_MISMATCH");
      await eventually(async () => {
        expect(fresh.statuses("forged")).toContainEqual(expect.objectContaining({ status: "failed", error }));
        expect(await listed(fresh, "forged")).toMatchObject({ state: "failing", error });
        expect(await fresh.logs("forged")).toContainEqual(expect.objectContaining({ message: error }));
      });

      expect(await fresh.push("forged", source)).toMatchObject({ revision, unchanged: true });
      expect(await fresh.call("/forged")).toMatchObject({ status: 200, text: "the real one" });
    } finally {
      await rm(cacheDir, { recursive: true, force: true });
    }
  });
});

describe("an invalid spec", () => {
  it("stops nothing: what runs goes on, and wakes again by the last good one", async () => {
    const { revision } = await world.push("kept", hello("kept"), { scale: { idleSeconds: 0.3 } });
    expect(await world.call("/kept")).toMatchObject({ text: "kept" });
    const { instance } = await world.announced("kept", "ready");
    const key = `$KV.${stores.configs.bucket}.kept`;
    await world.connection.request(key, "name: kept\nmode: isolate\nrevison: x\n", { timeoutMs: 2_000 });
    await eventually(async () =>
      expect(await listed(world, "kept")).toMatchObject({
        state: "invalid",
        error: expect.stringContaining('did you mean "revision"?'),
      }),
    );
    expect(await world.call("/kept")).toMatchObject({ status: 200, text: "kept" });
    expect(await world.announced("kept", "gone")).toMatchObject({ instance, reason: "idle" });
    expect(await world.call("/kept")).toMatchObject({ status: 200, text: "kept" });
    expect(await world.announced("kept", "ready", 2)).toMatchObject({ revision });
  });

  it.each([
    ["large", `# ${"x".repeat(900_000)}`, /it has \d+ bytes; at most 262144 are read/],
    [
      "full",
      Array.from({ length: 15_000 }, (_, index) => `k${index}: 1`).join("\n"),
      /more than 20000 tokens/,
    ],
    ["deep", `env: ${"[".repeat(65)}${"]".repeat(65)}`, /nested more than 64 deep/],
  ])("that is too %s is not parsed: it is told, and the others go on", async (what, text, error) => {
    const name = `too-${what}`;
    await world.push(name, hello(name));
    const written = `name: ${name}\nmode: isolate\n${text}\n`;
    await world.connection.request(`$KV.${stores.configs.bucket}.${name}`, written, { timeoutMs: 2_000 });
    expect(await listed(world, name)).toMatchObject({
      state: "invalid",
      error: expect.stringMatching(error),
    });
    await world.push(`beside-${what}`, hello("beside"));
    expect(await world.call(`/beside-${what}`)).toMatchObject({ status: 200, text: "beside" });
    expect(await world.call(`/${name}`)).toMatchObject({ status: 200, text: name });
  });
});
