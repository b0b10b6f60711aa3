/** The gateway's own errors of gRPC: their codes at a deadline, their words, their details for programs. */
import { type ClientHttp2Session, connect } from "node:http2";
import { createFileRegistry, createRegistry, fromBinary, toJson } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { compileEmbedded } from "../../builder/proto/compile.ts";
import { decodeGrpcMessage, frameMessage } from "../../contracts/index.ts";
import { type GatewayWorld, specOf, startGatewayWorld } from "../../gateway/testing/world.ts";

let world: GatewayWorld;
let session: ClientHttp2Session;
let registry: ReturnType<typeof createRegistry>;
beforeAll(async () => {
  const { set } = await compileEmbedded("google/rpc/error_details.proto");
  const { set: ofStatus } = await compileEmbedded("google/rpc/status.proto");
  registry = createRegistry(createFileRegistry(set), createFileRegistry(ofStatus));
  world = await startGatewayWorld({
    specs: [specOf("asleep", { grpc: ["pkg.Asleep"] })],
    gateway: {
      hold: { holdMs: 300 },
      config: { routes: [{ grpc: "pkg.Silent", path: "/silent", methods: [], service: "silent" }] },
    },
  });
  world.nats.subscribe("silent", () => undefined);
  await world.nats.flush();
  session = connect(`http://${world.gateway.grpcAddress}`);
});
afterAll(async () => {
  session.destroy();
  await world[Symbol.asyncDispose]();
});

/** One call as it is on the wire: a client's own timer would hide the status. */
async function call(
  path: string,
  fields: Record<string, string> = {},
  body = frameMessage(new Uint8Array()),
) {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    "x-request-id": "a-request-of-this-test",
    ...fields,
  });
  stream.end(body);
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
    stream.once("response", resolve);
    stream.once("error", reject);
  });
  const details = headers["grpc-status-details-bin"];
  const schema = registry.getMessage("google.rpc.Status");
  if (schema === undefined) throw new Error("no google.rpc.Status");
  return {
    code: Number(headers["grpc-status"]),
    message: decodeGrpcMessage(String(headers["grpc-message"])),
    details:
      details === undefined
        ? undefined
        : toJson(schema, fromBinary(schema, Buffer.from(String(details), "base64")), { registry }),
  };
}

const infoOf = (reason: string) => ({
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  reason,
  domain: "narun",
  metadata: { requestId: "a-request-of-this-test" },
});

it.each(["0n", "1n", "1m", "40m"])(
  "a call that is held until its deadline of %s is DEADLINE_EXCEEDED, and says so",
  async (timeout) => {
    const { code, message } = await call("/pkg.Asleep/Nap", { "grpc-timeout": timeout });
    expect({ code, message }).toEqual({
      code: status.DEADLINE_EXCEEDED,
      message: expect.stringMatching(
        /^the client's deadline of [\d.e-]+ ms is over: \/pkg\.Asleep\/Nap waited for an instance of its function, and none was ready/,
      ),
    });
  },
);

it("a call whose service is not known by its deadline is DEADLINE_EXCEEDED", async () => {
  expect((await call("/pkg.Unknown/Nap", { "grpc-timeout": "0n" })).code).toBe(status.DEADLINE_EXCEEDED);
});

it("a call that is unanswered at its deadline says what it waited for", async () => {
  const { code, message } = await call("/pkg.Silent/Nap", { "grpc-timeout": "900m" });
  expect({ code, message }).toEqual({
    code: status.DEADLINE_EXCEEDED,
    message:
      "the client's deadline of 900 ms is over: /pkg.Silent/Nap waited for the answer of its function (DEADLINE_EXCEEDED)",
  });
});

it("an error that may pass says when to try again", async () => {
  const { code, message, details } = await call("/pkg.Asleep/Nap");
  expect(code).toBe(status.UNAVAILABLE);
  expect(details).toEqual({
    code: status.UNAVAILABLE,
    message,
    details: [
      infoOf("NO_CONSUMER"),
      { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "2s" },
    ],
  });
});

it.each([
  ["a service that nothing implements", "/pkg.Other/Nap", {}, undefined, status.UNIMPLEMENTED, "NO_ROUTE"],
  [
    "a timeout that is none",
    "/pkg.Asleep/Nap",
    { "grpc-timeout": "x" },
    undefined,
    status.INTERNAL,
    "BAD_REQUEST",
  ],
  [
    "a malformed message",
    "/pkg.Asleep/Nap",
    {},
    Uint8Array.of(7, 0, 0, 0, 0),
    status.INTERNAL,
    "BAD_REQUEST",
  ],
  ["an own service", "/grpc.health.v1.Health/Nap", {}, undefined, status.UNIMPLEMENTED, "NO_ROUTE"],
])("an error for %s has its code for programs", async (_name, path, fields, body, code, reason) => {
  const { details } = await call(path, fields, body);
  expect(details).toMatchObject({ code, details: [infoOf(reason)] });
});
