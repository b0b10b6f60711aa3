/**
 * Malformed input of every form: each reader says what it is, or refuses it by the way that it promises, and nothing else
 * happens. `npm run fuzz:inputs -- [COUNT] [--seed N]` is the long form.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findMethod } from "../../builder/index.ts";
import { compileEmbedded } from "../../builder/proto/compile.ts";
import { linkFiles } from "../../builder/proto/link.ts";
import { parseProto } from "../../builder/proto/parse-file.ts";
import { ProtoError } from "../../builder/proto/proto-error.ts";
import {
  decodeBhttpReply,
  decodeBhttpRequest,
  FrameScanner,
  FunctionFileSchema,
  frameMessage,
  isNarunError,
  ManifestSchema,
  MessageReader,
  NO_FIELDS,
  parseServiceFile,
  parseSpec,
  parseYaml,
  readBhttpRequest,
  readBhttpResponse,
  splitMessages,
  writeBhttpRequest,
  writeBhttpResponse,
} from "../../contracts/index.ts";
import { readGatewayConfig } from "../../gateway/config.ts";
import { indexDescriptors } from "../../gateway/grpc/descriptor-index.ts";
import { protoField, readProto } from "../../gateway/grpc/protobuf.ts";
import { bytesLike, forAll, forAllLater, textsLike } from "./inputs.ts";

const text = (value: string) => Uint8Array.from(Buffer.from(value));

describe("frames of gRPC", () => {
  const body = Uint8Array.from(
    Buffer.concat([frameMessage(text("one")), frameMessage(text("")), frameMessage(text("two"), true)]),
  );
  const bodies = bytesLike(body, frameMessage(text("x".repeat(100))));

  it("are whole messages, or one fault, alike for all readers and in whatever pieces", () => {
    forAll(fc.tuple(bodies, fc.integer({ min: 1, max: 40 })), ([bytes, step]) => {
      const options = { maxBytes: 2 ** 32, mayCompress: true };
      const scanner = new FrameScanner(options);
      const fault = scanner.add(bytes) ?? scanner.end();
      const whole = splitMessages(bytes);
      expect(whole === undefined).toBe(fault !== undefined);
      const reader = new MessageReader(options);
      const read = [];
      for (let at = 0; at < bytes.byteLength; at += step) {
        const some = reader.add(bytes.subarray(at, at + step));
        if (!Array.isArray(some)) {
          expect(some).toEqual(fault);
          return;
        }
        read.push(...some);
      }
      expect(reader.end()).toEqual(fault);
      if (whole !== undefined)
        expect(read.map(({ data }) => [...data])).toEqual(whole.map(({ data }) => [...data]));
    });
  });
});

describe("protobuf", () => {
  const message = Uint8Array.from(
    Buffer.concat([protoField(1, "name"), protoField(2, 300), protoField(3, protoField(1, "inner"))]),
  );

  it("is fields that lie within the message, or nothing", () => {
    forAll(bytesLike(message), (bytes) => {
      const fields = readProto(bytes);
      const size = (fields ?? []).reduce((sum, field) => sum + 1 + field.bytes.byteLength, 0);
      expect(size).toBeLessThanOrEqual(bytes.byteLength);
    });
  });
});

describe("descriptor files", () => {
  let set: Uint8Array;
  beforeAll(async () => {
    const { set: compiled } = await compileEmbedded("google/rpc/error_details.proto");
    set = toBinary(FileDescriptorSetSchema, compiled);
  });

  it("are an index, whatever the bytes are", () => {
    forAll(
      fc.constant(undefined).chain(() => bytesLike(set.subarray(0, 400), set)),
      (bytes) => {
        const index = indexDescriptors(bytes);
        for (const symbol of ["google.rpc.ErrorInfo", "", "."]) {
          const file = index.fileOf(symbol);
          if (file !== undefined) expect(index.byName(file)?.length).toBeGreaterThan(0);
        }
      },
    );
  });

  it("are a method, or GRPC_UNKNOWN", async () => {
    const samples = fc.constant(undefined).chain(() => bytesLike(set.subarray(0, 400), set));
    await forAllLater(samples, async (bytes) => {
      await findMethod(bytes, "google.rpc.None", "None").catch((error: unknown) =>
        expect(error).toMatchObject({ code: "GRPC_UNKNOWN" }),
      );
    });
  });
});

describe(".proto files", () => {
  const samples = [
    `syntax = "proto3"; package p; import "q.proto"; message M { repeated string a = 1 [deprecated = true]; map<string, M> b = 2; oneof c { int32 d = 3; } reserved 4, 5 to max; }
service S { rpc Do(stream M) returns (M) { option (google.api.http) = { get: "/{a}" additional_bindings { post: "/x" body: "*" } }; } }
enum E { option allow_alias = true; A = 0; B = -1; }`,
    `edition = "2023"; package p; extend M { string x = 100; } message M { extensions 100 to 200; message N { E e = 1 [default = A]; } enum E { A = 0; } } // end`,
  ];
  const words = [
    "{",
    "}",
    ";",
    '"',
    "'",
    "/*",
    "//",
    "message",
    "=",
    "[",
    "<",
    "-1",
    "99999999999999999999",
    "\\",
    "option",
    ".",
  ];

  it("compile, or have a fault with a place and a remedy", () => {
    forAll(textsLike(samples, words), (source) => {
      try {
        linkFiles([
          { parsed: parseProto({ path: "/a.proto", name: "a.proto", text: source }), imports: [] } as never,
        ]);
      } catch (error) {
        if (!(error instanceof ProtoError))
          throw new Error(`no ProtoError for ${JSON.stringify(source)}`, { cause: error });
        expect(error.place.line).toBeGreaterThan(0);
        expect(error.hint).not.toBe("");
      }
    });
  });
});

describe("binary HTTP", () => {
  const request = writeBhttpRequest({
    framing: "known",
    method: "POST",
    scheme: "http",
    authority: "a",
    path: "/x?y",
    fields: ["a", "b", "a", "c"],
    content: text("body"),
    trailers: ["t", "u"],
  } as never);
  const response = writeBhttpResponse({
    framing: "indeterminate",
    status: 200,
    informational: [],
    fields: ["a", "b"],
    content: text("body"),
    trailers: [],
  } as never);
  const messages = bytesLike(Uint8Array.from(request ?? []), Uint8Array.from(response ?? []));

  it("is a message that can be written again, or refused with a reason", () => {
    forAll(messages, (bytes) => {
      const [asked, answered] = [readBhttpRequest(bytes), readBhttpResponse(bytes)];
      for (const read of [asked, answered]) if (!read.ok) expect(read.why).not.toBe("");
      if (asked.ok) {
        const again = writeBhttpRequest(asked.message);
        if (again !== undefined) expect(readBhttpRequest(again).ok).toBe(true);
      }
      if (answered.ok) {
        const again = writeBhttpResponse(answered.message);
        if (again !== undefined) expect(readBhttpResponse(again).ok).toBe(true);
      }
      decodeBhttpReply(bytes, { names: "as-sent", omitted: NO_FIELDS });
      decodeBhttpRequest(bytes, new Map());
    });
  });
});

const WORDS = [
  "\n",
  ":",
  "- ",
  "  ",
  "{",
  "}",
  "[",
  "&a ",
  "*a",
  "!!js/function ",
  "|",
  ">",
  "null",
  "~",
  "1e400",
  "0x",
  '"',
  "#",
  "<<: ",
  "__proto__: 1\n",
  "constructor: {}\n",
  "\t",
];

describe("narun.yaml", () => {
  const samples = [
    "name: a\nroutes:\n  - path: /a/*\n    methods: [GET]\nenv:\n  - name: A\n    value: b\nlimits:\n  timeoutMs: 5\ncors:\n  origins: ['*']\n",
    'mode: node\ngrpc: [pkg.S]\nbindings:\n  - name: KV\n    kv: a\nscale: { min: 0, concurrency: 5 }\negress: ["10.0.0.0/8"]\n',
  ];

  it("is a configuration, or has issues with lines; nothing reaches the prototypes", () => {
    forAll(textsLike(samples, WORDS), (source) => {
      const read = parseYaml(source, FunctionFileSchema);
      if (!read.ok) expect(read.issues.every(({ line, message }) => line > 0 && message !== "")).toBe(true);
      expect(
        Object.hasOwn(Object.prototype, "polluted") || ({} as { name?: unknown }).name !== undefined,
      ).toBe(false);
    });
  });
});

describe("specs", () => {
  const samples = [
    `{"mode":"isolate","scale":{"min":0},"name":"a","routes":[{"path":"/a"}],"revision":"${"a".repeat(64)}"}\n`,
    "app: a\nname: b\ntag: v1\nmode: exec\nbinary_object: x\nnodes:\n  - name: n\n    replicas: 2\nenv:\n  - name: A\n    value: b\n",
  ];

  it("are a spec, or have issues with lines", () => {
    forAll(textsLike(samples, WORDS), (source) => {
      for (const read of [parseSpec(source), parseServiceFile(source)])
        if (!read.ok) expect(read.issues.every(({ line }) => line > 0)).toBe(true);
    });
  });

  it("of manifests are read or refused", () => {
    forAll(fc.jsonValue(), (value) => {
      ManifestSchema.safeParse(value);
    });
  });
});

describe("config.yaml", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "narun-fuzz-config-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const sample =
    'nats_url: "nats://a"\nserver_addr: ":8080"\ngrpc_addr: ":8081"\nrequest_timeout_seconds: 5\ntrusted_proxies: [10.0.0.0/8]\nroutes:\n  - path: /a/\n    methods: [GET]\n    service: a\n  - grpc: pkg.S\n    service: b\n';

  it("is a configuration, or GATEWAY_CONFIG_INVALID", async () => {
    const file = join(folder, "config.yaml");
    await forAllLater(textsLike([sample], WORDS), async (source) => {
      await writeFile(file, source);
      await readGatewayConfig(file).catch((error: unknown) => {
        if (!isNarunError(error)) throw error;
        expect(error.code).toBe("GATEWAY_CONFIG_INVALID");
      });
    });
  });
});
