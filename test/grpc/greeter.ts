/** A function with one service, for tests: each kind of method, and paths of HTTP. */
const greeterProto = `syntax = "proto3";
package hello.v1;

import "google/api/annotations.proto";
import "google/protobuf/timestamp.proto";

message HelloRequest {
  string name = 1;
  int32 count = 2;
  google.protobuf.Timestamp at = 3;
}

message HelloReply {
  string message = 1;
  int64 number = 2;
}

service Greeter {
  rpc SayHello(HelloRequest) returns (HelloReply) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (google.api.http) = {
      get: "/v1/hello/{name}"
      additional_bindings { post: "/v1/hello" body: "*" }
    };
  }
  rpc Listen(HelloRequest) returns (stream HelloReply) {
    option (google.api.http).get = "/v1/hello/{name}:listen";
  }
  rpc Collect(stream HelloRequest) returns (HelloReply);
  rpc Chat(stream HelloRequest) returns (stream HelloReply);
  rpc Missing(HelloRequest) returns (HelloReply);
}
`;

const greeterSource = `
import { grpc, GrpcError } from "narun";
import { create, timestampDate, toJsonString } from "narun/protobuf";
import { Greeter, HelloReplySchema, HelloRequestSchema } from "./hello.proto";

export default grpc(Greeter, {
  sayHello(message, ctx) {
    if (message.name === "nobody") {
      throw new GrpcError("NOT_FOUND", "nobody is here: ü", {
        details: [{ schema: HelloRequestSchema, message: { name: "detail" } }],
        metadata: { "x-hint": "later" },
      });
    }
    if (message.name === "library") {
      const text = toJsonString(HelloReplySchema, create(HelloReplySchema, { number: 5n }));
      return { message: text + (message.at && timestampDate(message.at).toISOString()) };
    }
    if (message.name === "slow") {
      return new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
    }
    if (message.name === "secret") throw new Error("a secret of the function");
    if (message.name === "wrong") return { number: "no number" };
    ctx.responseHeaders.set("x-early", ctx.metadata.get("x-in") ?? "none");
    ctx.responseTrailers.set("x-late-bin", new Uint8Array([0, 255]));
    return { message: "Hello " + message.name, number: 9007199254740993n };
  },
  async *listen(message) {
    for (let number = 0; number < message.count; number++) yield { message: message.name, number: BigInt(number) };
    if (message.name === "fail") throw new GrpcError("ABORTED", "half way");
  },
  async collect(messages) {
    const names = [];
    for await (const { name } of messages) names.push(name);
    return { message: names.join(" "), number: BigInt(names.length) };
  },
  async *chat(messages) {
    for await (const { name } of messages) yield { message: "you said " + name };
  },
}).otherwise(() => new Response("a page"));
`;

export const greeter = { "index.ts": greeterSource, "hello.proto": greeterProto };
