import { describe, expect, it } from "vitest";
import { buildSource } from "../../test/harness/function-source.ts";
import { type BuildIssue, buildFunction } from "../index.ts";
import { createSourceFolder } from "../testing/source-folder.ts";

const PROTO = `syntax = "proto3";
package pkg;
import "google/rpc/status.proto";
import "google/protobuf/wrappers.proto";
import "other.proto";
message In { oneof what { string text = 1; int64 number = 2; } Other other = 3; google.protobuf.StringValue maybe = 4; google.rpc.Status status = 5; }
message Out { map<string, In> parts = 1; bytes raw = 2; optional bool on = 3; }
// Does one thing.
service One { rpc Do(In) returns (Out); }
service Two { rpc Do(In) returns (Out); }
`;
const OTHER = `syntax = "proto3"; package pkg; message Other { string name = 1; }`;
const INDEX = `
import { grpc } from "narun";
import { One, type In } from "./a.proto";
export default grpc(One, { do: (message: In) => ({ raw: new Uint8Array([1]) }) });
`;
const files = { "index.ts": INDEX, "a.proto": PROTO, "other.proto": OTHER };

describe("a function that imports a .proto file", () => {
  it("implements the services that its bundle has, and no other", async () => {
    const { config, bundle } = await buildSource("one", files);
    expect(config.grpc).toEqual(["pkg.One"]);
    expect(Buffer.from(bundle).toString()).not.toContain("Two =");
  });

  it("adds them to those that narun.yaml names", async () => {
    const { config } = await buildSource("one", files, { grpc: ["pkg.ByHand"] });
    expect(config.grpc).toEqual(["pkg.ByHand", "pkg.One"]);
  });

  it("keeps the routes that narun.yaml names", async () => {
    const { config } = await buildSource("one", files, { routes: [{ path: "/x" }] });
    expect(config.routes).toEqual([{ path: "/x" }]);
  });

  it("is the same revision wherever it lies", async () => {
    const [first, second] = [await buildSource("one", files), await buildSource("one", files)];
    expect(second.revision).toBe(first.revision);
    await using folder = await createSourceFolder(
      Object.fromEntries(Object.entries(files).map(([name, text]) => [`far/below/one/${name}`, text])),
    );
    const third = await buildFunction(folder.path("far/below/one"), { write: false });
    expect(Buffer.from(third.bundle).toString()).toBe(Buffer.from(first.bundle).toString());
    expect(third.manifest.sourceMap).toEqual(first.manifest.sourceMap);
  });

  it("has nothing of gRPC in its bundle where it imports none", async () => {
    const { bundle, config } = await buildSource(
      "plain",
      'import { type Handler, grpc } from "narun"; export default (() => new Response("x")) satisfies Handler;',
    );
    expect(bundle.byteLength).toBeLessThan(200);
    expect(config.grpc).toBeUndefined();
  });

  it("fails to build with the place of a fault in the file", async () => {
    const error = await buildSource("one", {
      ...files,
      "other.proto": 'syntax = "proto3";\nmessage Other { strin name = 1; }',
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "BUILD_FAILED" });
    const [issue] = (error as { fields: { issues: BuildIssue[] } }).fields.issues;
    expect(issue).toMatchObject({
      line: 2,
      column: 17,
      message: "there is no type strin",
      hint: expect.any(String),
    });
    expect(issue?.file).toMatch(/other\.proto$/);
    expect(issue?.frame).toContain("^^^^^");
  });

  it.each([
    ["/v1/{nothing}", "no field nothing"],
    ["v1", "is malformed"],
    ["/v1/{text", "is malformed"],
  ])("fails to build with the path %s in an annotation", async (path, message) => {
    const proto = `syntax = "proto3"; package pkg; import "google/api/annotations.proto"; message In { string text = 1; }
service One {
  rpc Do(In) returns (In) { option (google.api.http).get = "${path}"; }
}`;
    await expect(buildSource("one", { ...files, "a.proto": proto })).rejects.toMatchObject({
      code: "BUILD_FAILED",
      message: expect.stringContaining(message),
    });
  });
});
