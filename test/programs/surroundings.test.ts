/** The surroundings of programs: secrets, files, bodies of any size. */
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { setSecret } from "../../control/index.ts";
import { generateSecretsKey, openByteObjects, parseSecretsKey } from "../../nats/index.ts";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

const key = generateSecretsKey();
const world = await startWorld({ secretsKey: key });
afterAll(() => world[Symbol.asyncDispose]());

const push = (name: string, text: string, changes: object = {}) =>
  world.push(name, { "server.mjs": text }, { mode: "exec", command: "server.mjs", ...changes });

it("has its secrets in its environment, and its files in its folder", async () => {
  const files = openByteObjects(world.connection, "narun-files");
  const bytes = async function* (text: string) {
    yield Buffer.from(text);
  };
  await files.put("app.conf", bytes("colour = red"));
  const mounts = [{ path: "etc/app.conf", source: { objectStore: "app.conf" } }];
  const before = `globalThis.fs = require("node:fs");`;
  const act = `answer(JSON.stringify([process.env.TOKEN, fs.readFileSync("etc/app.conf", "utf8")]));`;
  const sealing = parseSecretsKey(key);
  if (sealing === undefined) throw new Error("the key is one");
  await setSecret(world.connection, sealing, { name: "api/token", value: "s3cret" });
  await push("furnished", programSource({ before, act }), {
    mounts,
    env: [{ name: "TOKEN", valueFromSecret: "api/token" }],
  });
  expect(await world.call("/furnished")).toMatchObject({ text: JSON.stringify(["s3cret", "colour = red"]) });
  await expect(
    push("bare", programSource(), { mounts: [{ path: "x", source: { objectStore: "missing.conf" } }] }),
  ).rejects.toMatchObject({ code: "TRIAL_FAILED", fields: { reason: "MOUNT_MISSING" } });
});

it("gets a body that is larger than one frame whole, and answers with as much", async () => {
  await push("large", programSource({ act: `answer(body, { "X-Length": String(body.length) });` }));
  const body = "x".repeat(600_000);
  const answer = await world.call("/large", { method: "POST", body });
  expect([answer.status, answer.headers.get("x-length"), answer.text === body]).toEqual([
    200,
    "600000",
    true,
  ]);
});

it("refuses a mount at the place of the program's own file, or of another mount", async () => {
  const source = { objectStore: "app.conf" };
  const refused = (paths: string[]) =>
    push("covered", programSource(), { mounts: paths.map((path) => ({ path, source })) });
  await expect(refused(["server.mjs"])).rejects.toThrow(/the program's own file is there/);
  await expect(refused(["server.mjs/below"])).rejects.toThrow(/the program's own file is there/);
  await expect(refused(["a/b", "a/b"])).rejects.toThrow(/another mount has this path/);
});

it("gets binary HTTP where its routes say so, and answers with it", async () => {
  const codec = fileURLToPath(new URL("../../contracts/wire/bhttp.ts", import.meta.url));
  const before = `const bhttp = await import(${JSON.stringify(codec)});`;
  const act = `const { message: request } = bhttp.readBhttpRequest(message.data);
    const fields = ["x-own", "1"];
    const text = request.method + " " + request.path + " " + Buffer.from(request.content);
    message.respond(bhttp.writeBhttpResponse({ status: 202, fields, informational: [], content: Buffer.from(text), trailers: [], framing: "known" }));`;
  await push("binary", programSource({ before, act }), { routes: [{ path: "/binary/*", wire: "bhttp" }] });
  const answer = await world.call("/binary/a?b=c", { method: "POST", body: "hi" });
  expect([answer.status, answer.headers.get("x-own"), answer.text]).toEqual([
    202,
    "1",
    "POST /binary/a?b=c hi",
  ]);
});
