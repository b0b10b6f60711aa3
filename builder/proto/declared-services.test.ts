/** `grpc` of narun.yaml for a handler that reads and writes frames itself. */
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import { buildSource } from "../../test/harness/function-source.ts";

const PROTO = `syntax = "proto3";
package pkg;
import "google/api/annotations.proto";
message M { string text = 1; }
service ByHand { rpc Do(M) returns (M) { option (google.api.http).get = "/do/{text}"; } }
service Other { rpc Do(M) returns (M); }`;
const INDEX = `export default () => new Response(null, { headers: { "grpc-status": "0" } });`;

it("gets the routes and the descriptors of a service that a .proto file of the folder has", async () => {
  const { config, descriptors, warnings } = await buildSource(
    "one",
    { "index.ts": INDEX, "a.proto": PROTO },
    { grpc: ["pkg.ByHand"] },
  );
  expect(config.grpc).toEqual(["pkg.ByHand"]);
  expect(config.routes.map(({ path }) => path)).toEqual(["/one", "/one/*", "/do/*", "/pkg.ByHand/*"]);
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors ?? new Uint8Array()));
  expect(registry.getService("pkg.ByHand")).toBeDefined();
  expect(warnings).toEqual([]);
});

it("keeps what the bundle implements, and each file once", async () => {
  const index = `import { grpc } from "narun"; import { Other } from "./a.proto"; export default grpc(Other, { do: (message) => message });`;
  const { config, descriptors } = await buildSource(
    "two",
    { "index.ts": index, "a.proto": PROTO },
    { grpc: ["pkg.ByHand"], routes: [{ path: "/x" }] },
  );
  expect(config.grpc).toEqual(["pkg.ByHand", "pkg.Other"]);
  expect(config.routes).toEqual([{ path: "/x" }]);
  const { file } = fromBinary(FileDescriptorSetSchema, descriptors ?? new Uint8Array());
  const names = file.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});

it("says so where no .proto file has the service", async () => {
  const build = await buildSource(
    "three",
    { "index.ts": INDEX, "a.proto": PROTO },
    { grpc: ["pkg.Nowhere"] },
  );
  expect(build.descriptors).toBeUndefined();
  expect(build.config.routes.map(({ path }) => path)).toEqual(["/three", "/three/*"]);
  expect(build.warnings).toEqual([
    expect.objectContaining({
      message: "narun.yaml names the gRPC service pkg.Nowhere, and no .proto file of the folder has it",
      hint: expect.stringContaining("narun invoke --grpc"),
    }),
  ]);
});

it("names the place of a fault in a .proto file of the folder", async () => {
  const files = { "index.ts": INDEX, "a.proto": `${PROTO}\nservice {` };
  await expect(buildSource("four", files, { grpc: ["pkg.ByHand"] })).rejects.toMatchObject({
    code: "BUILD_FAILED",
    fields: { issues: [{ line: 7 }] },
  });
});
