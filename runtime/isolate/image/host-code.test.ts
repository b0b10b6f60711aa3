import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, inject, it } from "vitest";
import { startTestNats } from "../../../test/harness/nats.ts";
import type { FromHost, ToHost } from "../ipc.ts";
import { nodeOptions, spawnHost } from "../spawn-host.ts";
import { warmUpTrial } from "./host-code.ts";
import { type HostProgram, loadHostProgram } from "./host-program.ts";
import { loadSnapshot } from "./snapshot.ts";

let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "narun-code-"));
  await cp(inject("nodeCache"), cache, { recursive: true });
});

afterEach(() => rm(cache, { recursive: true, force: true }));

/** Starts the program as a runner does. Resolves with its messages up to `last`, and with what it wrote. */
function start(program: HostProgram, last: FromHost["type"], init?: ToHost) {
  const messages: FromHost[] = [];
  let text = "";
  return new Promise<{ messages: FromHost[]; text: string }>((resolve) => {
    const host = spawnHost(
      { program, sandbox: { bubblewrap: undefined, maxMemoryMb: undefined }, socket: undefined },
      {
        onMessage(message) {
          messages.push(message);
          if (message.type === "up" && init !== undefined) host.send(init);
          if (message.type === "need-login") host.send({ type: "login", login: {} });
          if (message.type === last) host.kill();
        },
        onText: (chunk) => (text += chunk),
        onError: (error) => (text += error),
        onEnd: () => resolve({ messages, text }),
      },
    );
  });
}

const lacksCode = async (program: HostProgram) => (await start(program, "up")).messages[0];

/** The program, and code that a host has made of it. */
async function withCode(url: string) {
  const program = await loadHostProgram(cache);
  await rm(program.code?.file ?? "", { force: true });
  const { messages, text } = await start(program, "ready", {
    ...{ type: "init", node: "n", worldId: "w", transport: "own", egressDeny: [], prepared: 1 },
    ...{ isInspected: false, isTraced: false, socket: undefined, compile: warmUpTrial() },
    nats: { url, login: {}, copies: undefined },
    snapshot: await loadSnapshot(cache),
  });
  const types = messages.map(({ type }) => type).filter((type) => type !== "need-login");
  expect({ types, text }).toEqual({ types: ["up", "compiled", "ready"], text: "" });
  const code = messages.flatMap((message) => (message.type === "compiled" ? [message.code] : []))[0];
  program.code?.keep(code ?? new Uint8Array());
  return program;
}

it("is made by a process before it is ready, and spares later ones the compilation", async () => {
  await using nats = await startTestNats();
  const program = await withCode(nats.url);
  expect((await stat(program.code?.file ?? "")).mode & 0o777).toBe(0o600);
  expect(await lacksCode(program)).toEqual({ type: "up", lacksCode: false });
  // A runner that starts later finds it.
  expect(await lacksCode(await loadHostProgram(cache))).toEqual({ type: "up", lacksCode: false });
});

it("is made again where it is damaged, missing, or of other flags: the process starts without it", async () => {
  await using nats = await startTestNats();
  const program = await withCode(nats.url);
  const file = program.code?.file ?? "";
  const whole = await readFile(file);
  const flipped = Buffer.from(whole);
  flipped[whole.byteLength >> 1] = 255 - (whole[whole.byteLength >> 1] ?? 0);
  const signed = (code: Uint8Array) => Buffer.concat([createHash("sha256").update(code).digest(), code]);
  // A whole file of something else, and the code of another version of V8.
  const other = Buffer.from(whole.subarray(32));
  other[4] = 255 - (other[4] ?? 0);
  const damages = [
    flipped,
    whole.subarray(0, -1),
    Buffer.alloc(0),
    signed(Buffer.from("no code")),
    signed(other),
  ];
  for (const damaged of damages) {
    await writeFile(file, damaged);
    expect(await start(program, "up")).toEqual({ messages: [{ type: "up", lacksCode: true }], text: "" });
  }
  await rm(file);
  expect(await lacksCode(program)).toEqual({ type: "up", lacksCode: true });

  await writeFile(file, whole);
  const options = [...nodeOptions(program.readable), "--wasm-max-mem-pages=100"];
  expect(await lacksCode({ ...program, options })).toEqual({ type: "up", lacksCode: true });
  expect((await loadHostProgram(cache, 100)).code?.file).not.toBe(file);
});

it("cannot be written by a host", async () => {
  const program = await loadHostProgram(cache);
  const file = program.code?.file ?? "";
  await writeFile(file, "before");
  const script = `try { require("node:fs").writeFileSync(${JSON.stringify(file)}, "x"); } catch (error) { console.log(error.code); }`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...nodeOptions(program.readable),
    "-e",
    script,
  ]);
  expect(stdout).toBe("ERR_ACCESS_DENIED\n");
  expect(await readFile(file, "utf8")).toBe("before");
});
