/** A function whose descriptors are malformed or lost: its calls and its neighbours' descriptors do not suffer. */
import { createHash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { compileEmbedded } from "../../builder/proto/compile.ts";
import { type Manifest, revisionKey } from "../../contracts/index.ts";
import { openBinaries, openRevisions } from "../../nats/index.ts";
import { type GatewayWorld, REVISION, specOf, startGatewayWorld } from "../testing/world.ts";
import { createDescriptors } from "./descriptors.ts";

let world: GatewayWorld;
const lines: string[] = [];
const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
beforeAll(async () => {
  world = await startGatewayWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

/** A function whose manifest names a file of these bytes; `isLost`: the file is not there. */
async function put(name: string, bytes: Uint8Array, isLost = false) {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const spec = specOf(name, { grpc: [`pkg.${name}`] });
  const { revision, ...config } = spec;
  const file = { sha256, size: bytes.byteLength };
  const manifest = { format: 1, config, bundle: file, sourceMap: file, descriptors: file } as Manifest;
  await (await openRevisions(world.nats)).put(revisionKey(name, REVISION), manifest);
  if (!isLost) await (await openBinaries(world.nats)).put(sha256, bytes);
  return spec;
}

it("are as none, and those of others are read", async () => {
  const { set } = await compileEmbedded("google/rpc/status.proto");
  const good = toBinary(FileDescriptorSetSchema, set);
  const descriptors = createDescriptors({ nats: world.nats, log });
  const [whole, cut, noise, lost] = [
    await put("whole", good),
    await put("cut", good.subarray(0, 50)),
    await put(
      "noise",
      Uint8Array.from({ length: 500 }, (_, at) => (at * 97) % 256),
    ),
    await put("lost", good.subarray(0, 10), true),
  ];
  expect((await descriptors.of(cut))?.fileOf("google.rpc.Status")).toBeUndefined();
  expect((await descriptors.of(noise))?.fileOf("google.rpc.Status")).toBeUndefined();
  expect(await descriptors.of(lost)).toBeUndefined();
  expect((await descriptors.of(whole))?.fileOf("google.rpc.Status")).toBe("google/rpc/status.proto");
  expect(lines.map((line) => JSON.parse(line).function)).toEqual(["lost"]);
});
