/** The test service of the gRPC project's interop cases (grpc/grpc, doc/interop-test-descriptions.md) as a function. */

/** The messages and methods with their published numbers. */
export const interopProto = `syntax = "proto3";

package grpc.testing;

message Empty {}

message BoolValue {
  bool value = 1;
}

enum PayloadType {
  COMPRESSABLE = 0;
}

message Payload {
  PayloadType type = 1;
  bytes body = 2;
}

// A status that the server is asked to end a call with.
message EchoStatus {
  int32 code = 1;
  string message = 2;
}

message SimpleRequest {
  PayloadType response_type = 1;
  int32 response_size = 2;
  Payload payload = 3;
  bool fill_username = 4;
  bool fill_oauth_scope = 5;
  BoolValue response_compressed = 6;
  EchoStatus response_status = 7;
  BoolValue expect_compressed = 8;
  bool fill_server_id = 9;
}

message SimpleResponse {
  Payload payload = 1;
  string username = 2;
  string oauth_scope = 3;
  string server_id = 4;
}

message StreamingInputCallRequest {
  Payload payload = 1;
  BoolValue expect_compressed = 2;
}

message StreamingInputCallResponse {
  int32 aggregated_payload_size = 1;
}

message ResponseParameters {
  int32 size = 1;
  int32 interval_us = 2;
  BoolValue compressed = 3;
}

message StreamingOutputCallRequest {
  PayloadType response_type = 1;
  repeated ResponseParameters response_parameters = 2;
  Payload payload = 3;
  EchoStatus response_status = 7;
}

message StreamingOutputCallResponse {
  Payload payload = 1;
}

service TestService {
  rpc EmptyCall(Empty) returns (Empty);
  rpc UnaryCall(SimpleRequest) returns (SimpleResponse);
  rpc CacheableUnaryCall(SimpleRequest) returns (SimpleResponse) {
    option idempotency_level = NO_SIDE_EFFECTS;
  }
  rpc StreamingOutputCall(StreamingOutputCallRequest) returns (stream StreamingOutputCallResponse);
  rpc StreamingInputCall(stream StreamingInputCallRequest) returns (StreamingInputCallResponse);
  rpc FullDuplexCall(stream StreamingOutputCallRequest) returns (stream StreamingOutputCallResponse);
  rpc HalfDuplexCall(stream StreamingOutputCallRequest) returns (stream StreamingOutputCallResponse);
  // Servers do not implement it.
  rpc UnimplementedCall(Empty) returns (Empty);
}

// Servers do not implement it.
service UnimplementedService {
  rpc UnimplementedCall(Empty) returns (Empty);
}
`;

const source = `
import { grpc, GrpcError, type GrpcCodeName } from "narun";
import { TestService } from "./test.proto";

const CODES: GrpcCodeName[] = [
  "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
  "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
];

/** Ends the call as the request asks. */
function checkStatus(status) {
  if (status !== undefined && status.code !== 0) throw new GrpcError(CODES[status.code] ?? "UNKNOWN", status.message);
}

/** The metadata of the case custom_metadata comes back: one field before the answer, one behind it. */
function echoMetadata(ctx) {
  const initial = ctx.metadata.get("x-grpc-test-echo-initial");
  if (initial !== undefined) ctx.responseHeaders.set("x-grpc-test-echo-initial", initial);
  const trailing = ctx.metadata.getBytes("x-grpc-test-echo-trailing-bin");
  if (trailing !== undefined) ctx.responseTrailers.set("x-grpc-test-echo-trailing-bin", trailing);
}

const payloadOf = (size) => ({ type: 0, body: new Uint8Array(size) });

function unary(request, ctx) {
  echoMetadata(ctx);
  checkStatus(request.responseStatus);
  if (request.responseCompressed !== undefined) ctx.compress = request.responseCompressed.value;
  return { payload: payloadOf(request.responseSize) };
}

async function* outputs(request, ctx) {
  for (const { size, intervalUs, compressed } of request.responseParameters) {
    if (intervalUs > 0) await new Promise((resolve) => setTimeout(resolve, intervalUs / 1_000));
    if (compressed !== undefined) ctx.compress = compressed.value;
    yield { payload: payloadOf(size) };
  }
}

export default grpc(TestService, {
  emptyCall: () => ({}),
  unaryCall: unary,
  cacheableUnaryCall: unary,
  streamingOutputCall: outputs,
  async streamingInputCall(requests) {
    let aggregatedPayloadSize = 0;
    for await (const { payload } of requests) aggregatedPayloadSize += payload?.body.byteLength ?? 0;
    return { aggregatedPayloadSize };
  },
  async *fullDuplexCall(requests, ctx) {
    echoMetadata(ctx);
    for await (const request of requests) {
      checkStatus(request.responseStatus);
      yield* outputs(request, ctx);
    }
  },
  async *halfDuplexCall(requests, ctx) {
    const all = [];
    for await (const request of requests) all.push(request);
    for (const request of all) yield* outputs(request, ctx);
  },
});
`;

/** The source of a function that serves grpc.testing.TestService. */
export const interopSource = { "index.ts": source, "test.proto": interopProto };
