/** Programs that fail: each has a clear status, and its neighbours do not notice. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { elf } from "../../contracts/executables/testing/headers.ts";
import { eventually } from "../harness/eventually.ts";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

const folder = mkdtempSync(join(tmpdir(), "narun-bad-"));
const world = await startWorld();
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const push = (name: string, text: string | Uint8Array, changes: object = {}) =>
  world.push(name, { "server.mjs": text }, { mode: "exec", command: "server.mjs", ...changes });

beforeAll(() => push("neighbour", programSource({ act: `answer("fine")` }), { scale: { min: 1 } }));
afterEach(async () => {
  expect(await world.call("/neighbour")).toMatchObject({ status: 200, text: "fine" });
  expect(world.statuses("neighbour").map(({ status }) => status)).toEqual(["starting", "running"]);
});

/** A program whose trial succeeds, and whose later starts run `code` instead. */
const turnsBad = (name: string, code: string) => {
  const file = join(folder, name);
  return programSource({
    before: `const fs = require("node:fs"); if (fs.existsSync(${JSON.stringify(file)})) { ${code} } else fs.writeFileSync(${JSON.stringify(file)}, "");`,
  });
};

/** By the numbers of ELF's `e_machine`. */
const ELF_FOR_ANOTHER = elf({ machine: process.arch === "arm64" ? 62 : 183 });

it.each([
  ["a text that is no program", "echo hi\n", "PROGRAM_UNFIT", /neither a program/],
  [
    "a binary for another processor",
    ELF_FOR_ANOTHER,
    "PROGRAM_UNFIT",
    /is for linux\/\w+, and node node-0 is linux/,
  ],
  [
    "a script whose interpreter is not there",
    "#!/no/such/interpreter\n",
    "PROGRAM_NOT_STARTED",
    /no\/such\/interpreter is not on node/,
  ],
  [
    "a script whose interpreter is not on the path",
    "#!/usr/bin/env no-such-thing\n",
    "PROGRAM_NOT_STARTED",
    /no-such-thing is not on node/,
  ],
  ["a program that ends at once", "#!/bin/sh\necho because >&2\nexit 3\n", "PROGRAM_ENDED", /exit code 3/],
  [
    "a program that registers under another name",
    programSource({ name: `"other"` }),
    "PROGRAM_NOT_REGISTERED",
    /limits\.startMs/,
  ],
])("%s changes nothing when it is pushed", async (_what, text, code, reason) => {
  const error = await push("unfit", text, { limits: { startMs: 1_500 } }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    fields: { detail: expect.stringMatching(reason) },
  });
  expect([
    (error as { code: string }).code,
    (error as { fields: { reason?: string } }).fields.reason,
  ]).toContain(code);
  expect(await world.call("/unfit")).toMatchObject({ status: 404 });
  if (code === "PROGRAM_ENDED")
    expect(error).toMatchObject({ fields: { stack: expect.stringContaining("because") } });
});

it("a program that never registers is ended at its deadline, and the requests that wait get an error", async () => {
  await push(
    "silent",
    turnsBad("silent", "setInterval(() => undefined, 1000); await new Promise(() => undefined);"),
    {
      limits: { startMs: 1_000 },
    },
  );
  expect(await world.call("/silent")).toMatchObject({ status: 503, code: "FUNCTION_START_FAILED" });
  const failed = world.statuses("silent").find(({ status }) => status === "failed");
  expect(failed?.error).toMatch(
    /^PROGRAM_NOT_REGISTERED: silent did not answer for its service within 1000 ms/,
  );
});

it("a program that floods its log is cut to its budget, and goes on", async () => {
  const act = `if (body === "") { const line = "x".repeat(1000); for (let n = 0; n < 30_000; n++) console.log(line); } answer("done");`;
  await push("flood", programSource({ act }), { limits: { logBytesPerSecond: 10_000 } });
  expect(await world.call("/flood")).toMatchObject({ text: "done" });
  await eventually(async () => {
    const lines = await world.logs("flood");
    expect(lines.length).toBeLessThan(1_000);
    expect(lines.map(({ message }) => message).join("\n")).toMatch(/dropped|limits\.logBytesPerSecond/);
  });
});

it("a program that leaks descriptors meets its bound, answers on, and takes none from its neighbours", async () => {
  const before = `globalThis.fs = require("node:fs"); globalThis.leaked = [];`;
  const act = `try { for (;;) leaked.push(fs.openSync("/dev/null")); } catch (error) { answer(error.code + " " + (leaked.length < 64)); }`;
  await push("leaks", programSource({ before, act }), { openFiles: 64 });
  for (let round = 0; round < 3; round += 1)
    expect(await world.call("/leaks")).toMatchObject({ status: 200, text: "EMFILE true" });
  expect(world.statuses("leaks").at(-1)).toMatchObject({ status: "running" });
});

it("a program that sends nonsense to NATS loses its connection alone", async () => {
  const after = `const [host, port] = process.env.NATS_URL.replace("nats://", "").split(":");
    const socket = require("node:net").connect(Number(port), host);
    socket.on("error", () => undefined);
    socket.write("CONNECT {}\\r\\nPUB x 99999999999\\r\\n");
    socket.on("data", (bytes) => console.log("heard " + bytes));`;
  await push("nonsense", programSource({ after, act: `answer("works")` }));
  expect(await world.call("/nonsense")).toMatchObject({ text: "works" });
  await eventually(async () => {
    const text = (await world.logs("nonsense")).map(({ message }) => message).join("\n");
    expect(text).toMatch(/Maximum Payload Violation/);
  });
});

it.each([
  ["one large file", `for (let n = 0; n < 24; n++) fs.appendFileSync("large", Buffer.alloc(1 << 20, 1));`],
  [
    "many small files, in a folder that it hides",
    `fs.mkdirSync("hidden"); for (let n = 0; n < 4_500; n++) fs.writeFileSync("hidden/" + n, ""); fs.chmodSync("hidden", 0);`,
  ],
])(
  "a program that fills its disk with %s is ended with its reason, and its files go",
  async (what, fills) => {
    const name = `fills-${what.split(" ")[0]}`;
    const before = `globalThis.fs = require("node:fs");`;
    const act = `if (body !== "fill") answer(process.env.NARUN_INSTANCE_ROOT); else { ${fills} answer("filled"); }`;
    await push(name, programSource({ before, act }), { folderMB: 16 });
    const { text: root } = await world.call(`/${name}`);
    expect(await world.call(`/${name}`, { method: "POST", body: "fill" })).toMatchObject({ text: "filled" });
    // A look that fell into the filling has a pause of many times its own length after it, which a busy machine stretches.
    await eventually(
      () =>
        expect(world.statuses(name).at(-1)).toMatchObject({
          status: "crashed",
          error: "its folder holds over 16 MiB (folderMB)",
        }),
      { timeoutMs: 90_000 },
    );
    expect(world.announcements(name).at(-1)).toMatchObject({ state: "gone", code: "PROGRAM_FOLDER_FULL" });
    expect(existsSync(root)).toBe(false);
    // The next one begins with an empty folder.
    expect(await world.call(`/${name}`)).toMatchObject({ status: 200 });
  },
  120_000,
);
