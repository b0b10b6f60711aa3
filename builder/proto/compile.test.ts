import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { interopProto } from "../../test/grpc/interop-service.ts";
import { createRandom } from "../../test/soak/random.ts";
import { compileProto } from "./compile.ts";
import { GOOGLE_PROTOS } from "./google-protos.ts";
import { ProtoError } from "./proto-error.ts";
import { wellKnownFile, wellKnownNames } from "./well-known.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "narun-proto-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function write(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(root, "case-"));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

async function compile(files: Record<string, string> | string) {
  const sources = typeof files === "string" ? { "a.proto": files } : files;
  const folder = await write(sources);
  return compileProto(join(folder, Object.keys(sources)[0] ?? ""), { root: folder });
}

const wholeFeatures = `syntax = "proto3";
package all.features.v1;

import public "other/types.proto";
import "google/api/annotations.proto";
import "google/protobuf/descriptor.proto";
import 'google/protobuf/timestamp.proto';

option java_package = "org.example" ".all";
option optimize_for = SPEED;
option (labels) = "one";
option (labels) = "two";

extend google.protobuf.FileOptions { repeated string labels = 50001; }
extend google.protobuf.FieldOptions { Rule rule = 50002; Kind which = 50003; int64 most = 50004; bytes raw = 50005; }

message Rule {
  double least = 1;
  repeated string words = 2;
  Rule inner = 3;
  bool is_strict = 4;
}

enum Kind {
  option allow_alias = true;
  KIND_UNSPECIFIED = 0;
  KIND_A = 1 [deprecated = true];
  KIND_B = 1;
  KIND_LOW = -5;
  reserved 7, 9 to 11, 100 to max;
  reserved "KIND_OLD";
}

message Outer {
  option deprecated = true;
  message Inner { repeated sint32 values = 1 [packed = false]; Outer outer = 2; }
  string name = 1 [json_name = "nom", (rule) = { least: -1.5e3, words: ["a", 'b\\x41\\101\\n'], inner < is_strict: true > }];
  optional int32 count = 0x2;
  map<string, Inner> by_name = 3;
  map<int64, Kind> kinds_by_id = 4;
  oneof choice {
    string text = 5;
    Inner inner = 6;
    .all.features.v1.Kind kind = 7 [(which) = KIND_A, (most) = 5000000000, (raw) = "\\000\\377"];
  }
  google.protobuf.Timestamp at = 8;
  other.Thing thing = 9 [(rule).inner.least = 2];
  optional bool is_set = 10;
  repeated bytes message = 11;
  string stream = 12;
  reserved 20 to 30, 40;
  reserved "old", "older";
}

service All {
  option deprecated = true;
  rpc Get(Outer) returns (stream Outer) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (google.api.http) = {
      get: "/v1/{name=things/*}"
      additional_bindings { post: "/v1/things" body: "*" },
      additional_bindings { custom: { kind: "HEAD" path: "/v1/x" } response_body: "name" }
    };
  }
  rpc Both(stream .all.features.v1.Outer) returns (stream Outer.Inner);
  rpc Other(other.Thing) returns (other.Thing) { option (google.api.http).delete = "/v1/z"; };
}
`;

const otherTypes = `syntax = "proto2";
package other;
message Thing {
  required string id = 1;
  optional int32 many = 2 [default = -42];
  optional string text = 3 [default = "a \\"quoted\\" text"];
  optional double ratio = 4 [default = inf];
  optional Level level = 5 [default = HIGH];
  optional bool on = 6 [default = true];
  repeated int32 numbers = 7 [packed = true];
  optional group Part = 8 { optional string name = 1; }
  extensions 100 to 199, 1000 to max;
  enum Level { LOW = 0; HIGH = 1; }
  extend Thing { optional Thing nested = 101; }
}
extend Thing { optional string more = 100; }
`;

const corpus: Record<string, Record<string, string>> = {
  "all features": { "all.proto": wholeFeatures, "other/types.proto": otherTypes },
  "the interop service": { "test.proto": interopProto },
  "the files that narun has": {
    "all.proto": `syntax = "proto3"; ${Object.keys(GOOGLE_PROTOS)
      .map((name) => `import ${JSON.stringify(name)};`)
      .join("")}`,
  },
};

const hasProtoc = spawnSync("protoc", ["--version"]).status === 0;

describe.skipIf(!hasProtoc)("a compiled file is what protoc makes of it", () => {
  it.each(Object.keys(corpus))("%s", async (name) => {
    const files = corpus[name] ?? {};
    const folder = await write({ ...files, ...prefixed(GOOGLE_PROTOS) });
    const known = join(folder, "known.bin");
    const output = join(folder, "out.bin");
    const file = wellKnownNames
      .filter((one) => !/features|plugin/.test(one))
      .flatMap((one) => wellKnownFile(one) ?? []);
    await writeFile(known, toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file })));
    const entry = Object.keys(files)[0] ?? "";
    execFileSync("protoc", [
      ...[`--descriptor_set_in=${known}`, "-I", folder, "-I", join(folder, "google-protos")],
      ...["--include_imports", "-o", output, entry],
    ]);
    const theirs = fromBinary(FileDescriptorSetSchema, execFileSync("cat", [output]));
    const { set } = await compileProto(join(folder, entry), { root: folder });
    const ours = new Map(set.file.map((one) => [one.name, one]));
    for (const one of theirs.file.filter(({ name }) => !name.startsWith("google/protobuf/"))) {
      const own = ours.get(one.name);
      expect(readable(own), one.name).toEqual(readable(one));
      // Custom options, which JSON does not have.
      expect(bytesOf(own), one.name).toBe(bytesOf(one));
    }
  });
});

function prefixed(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`google-protos/${name}`, text]));
}

const setOf = (file: FileDescriptorProto | undefined) =>
  create(FileDescriptorSetSchema, { file: file === undefined ? [] : [file] });
const readable = (file: FileDescriptorProto | undefined) => toJson(FileDescriptorSetSchema, setOf(file));
const bytesOf = (file: FileDescriptorProto | undefined) =>
  Buffer.from(toBinary(FileDescriptorSetSchema, setOf(file))).toString("base64");

describe("a file of an edition", () => {
  it("is compiled with its features", async () => {
    const { set } = await compile(
      'edition = "2023"; package e; option features.field_presence = IMPLICIT; message A { string b = 1 [features.field_presence = EXPLICIT]; }',
    );
    expect(set.file[0]).toMatchObject({ syntax: "editions", edition: 1000 });
  });
});

describe("imports", () => {
  it("are found beside the file, above it, and in the folder proto", async () => {
    const { set } = await compile({
      "a/b/main.proto":
        'syntax = "proto3"; import "near.proto"; import "top.proto"; import "far.proto"; message M { N n = 1; T t = 2; F f = 3; }',
      "a/b/near.proto": 'syntax = "proto3"; message N {}',
      "a/top.proto": 'syntax = "proto3"; message T {}',
      "proto/far.proto": 'syntax = "proto3"; import "a/b/near.proto"; message F { N n = 1; }',
    });
    expect(set.file.map(({ name }) => name)).toEqual([
      "a/b/near.proto",
      "a/top.proto",
      "proto/far.proto",
      "a/b/main.proto",
    ]);
  });
});

const P3 = 'syntax = "proto3";\n';

describe("a fault is told with its place and the remedy", () => {
  it.each([
    ["", 1, "names no syntax", 'syntax = "proto3";'],
    ['syntax = "proto4";', 1, '"proto4" is not known', "proto3 or proto2"],
    [`${P3}message A { string x 1; }`, 2, 'found "1"', '"=" after the field x'],
    [`${P3}message A {\n  string x = 0;\n}`, 3, "0 is out of range", "from 1 to 536870911"],
    [`${P3}message A {\n  string x = 19500;\n}`, 3, "belongs to Protobuf", "outside 19000 to 19999"],
    [`${P3}message A { string x = 1; string y = 1; }`, 2, "y and x have the number 1", "a free number: 2"],
    [`${P3}message A { string x = 1; string x = 2; }`, 2, "A.x is defined twice", "rename one of them"],
    [`${P3}message A { string a_b = 1; string aB = 2; }`, 2, "the name aB in JSON", "json_name"],
    [`${P3}message A { reserved 1; string x = 1; }`, 2, "number 1 of x is reserved", "a free number: 2"],
    [`${P3}message A { Fooo x = 1; } message Foo {}`, 2, "no type Fooo", "did you mean Foo?"],
    [`${P3}message A { required string x = 1; }`, 2, "no required fields", "remove required"],
    [`${P3}message A { map<float, string> x = 1; }`, 2, "no keys of float", "integer, bool or string"],
    [`${P3}message A {`, 2, "the end of the file", "expected"],
    [`${P3}enum E { A = 1; }`, 2, "first value of an enum is 0", "E_UNSPECIFIED = 0"],
    [`${P3}enum E { A = 0; B = 0; }`, 2, "B and A have the number 0", "allow_alias"],
    [`${P3}enum E {}`, 2, "no values", "add one"],
    [`${P3}enum E { A = 0; } enum F { A = 0; }`, 2, "A is defined twice", "share the scope"],
    [`${P3}service S { rpc A(B) returns (C); }`, 2, "no type B", "define it"],
    [`${P3}service S { rpc A(E) returns (E); } enum E { X = 0; }`, 2, "E is an enum", "a message is needed"],
    [`${P3}import "nothing.proto";`, 2, '"nothing.proto" is not there', "Looked for".toLowerCase()],
    [
      `${P3}import "google/protobuf/timestam.proto";`,
      2,
      "is not there",
      'did you mean "google/protobuf/timestamp.proto"?',
    ],
    [`${P3}import "a.proto";`, 2, "import each other: a.proto → a.proto", "a third file"],
    [`${P3}message A { option depricated = true; }`, 2, "no option depricated", "did you mean deprecated?"],
    [`${P3}message A { option deprecated = 1; }`, 2, "another kind of value", "true or false"],
    [`${P3}message A { option (mine) = 1; }`, 2, "no option (mine)", "define it by `extend`"],
    [
      `${P3}service S { rpc A(M) returns (M) { option (google.api.http) = {}; } } message M {}`,
      2,
      "no option (google.api.http)",
      'import "google/api/annotations.proto";',
    ],
    [`${P3}message A { string x = "; }`, 2, "a text without an end", "close it"],
    [`${P3}message A { string ü = 1; }`, 2, 'unexpected "ü"', "remove it"],
    ['syntax = "proto2"; message A { string x = 1; }', 1, "needs a label", "optional, repeated or required"],
    [`${P3}${"message A { ".repeat(200)}`, 2, "too deeply nested", "at most 64"],
    [`${P3}message A { option deprecated = ${"[".repeat(200)}`, 2, "too deeply nested", "at most 64"],
  ])("%j", async (text, line, message, hint) => {
    const error = await compile(text).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProtoError);
    const { place, message: found, hint: remedy } = error as ProtoError;
    expect({ line: place.line, found, remedy }).toEqual({
      line,
      found: expect.stringContaining(message),
      remedy: expect.stringContaining(hint),
    });
  });

  it("in an imported file", async () => {
    const error = await compile({
      "a.proto": `${P3}import "b.proto";`,
      "b.proto": `${P3}\nmessage B { C c = 1; }`,
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ place: { line: 3, source: { name: "b.proto" } } });
  });

  it("where a type is in a file that is not imported", async () => {
    const error = await compile({
      "a.proto": `${P3}import "b.proto"; message A { C c = 1; }`,
      "b.proto": `${P3}import "c.proto";`,
      "c.proto": `${P3}message C {}`,
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: "C is in a file that is not imported",
      hint: 'write: import "c.proto";',
    });
  });
});

describe("any text", () => {
  it("compiles or is refused with a place in it", async () => {
    const random = createRandom(7);
    const folder = await write({ "a.proto": "" });
    const words = [...new Set(`${wholeFeatures}${otherTypes}`.match(/\w+|"[^"\n]*"|[^\s\w]/g))];
    for (let round = 0; round < 400; round++) {
      const text =
        random.between(0, 1) === 0
          ? mutated(wholeFeatures)
          : `${P3}${Array.from({ length: 40 }, () => words[random.between(0, words.length - 1)]).join(" ")}`;
      await writeFile(join(folder, "a.proto"), text);
      const error = await compileProto(join(folder, "a.proto"), { root: folder }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error === undefined) continue;
      if (!(error instanceof ProtoError)) throw new Error(`${text}\n${(error as Error).stack}`);
      const lines = error.place.source.text.split("\n");
      expect(error.place.line).toBeLessThanOrEqual(lines.length);
      expect(error.place.column).toBeLessThanOrEqual((lines[error.place.line - 1] ?? "").length);
    }

    function mutated(text: string): string {
      const at = random.between(0, text.length);
      const size = random.between(0, 30);
      const from = random.between(0, text.length);
      return text.slice(0, at) + text.slice(from, from + random.between(0, 30)) + text.slice(at + size);
    }
  });
});
