/** Requests and answers of both protocols, from and to the bytes of a frame. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import * as environment from "./environment_pb.ts";
import * as instance from "./instance_pb.ts";

export type InstanceRequest = MessageInitShape<typeof instance.RpcRequestSchema>;
export type InstanceResponse = MessageInitShape<typeof instance.RpcResponseSchema>;
export type EnvironmentRequest = MessageInitShape<typeof environment.RpcRequestSchema>;
export type EnvironmentResponse = MessageInitShape<typeof environment.RpcResponseSchema>;

/** The readers throw where the bytes are no message. */
export const instanceRpc = {
  readRequest: (payload: Uint8Array) => fromBinary(instance.RpcRequestSchema, payload),
  writeRequest: (request: InstanceRequest) =>
    toBinary(instance.RpcRequestSchema, create(instance.RpcRequestSchema, request)),
  readResponse: (payload: Uint8Array) => fromBinary(instance.RpcResponseSchema, payload),
  writeResponse: (response: InstanceResponse) =>
    toBinary(instance.RpcResponseSchema, create(instance.RpcResponseSchema, response)),
};

export const environmentRpc = {
  readRequest: (payload: Uint8Array) => fromBinary(environment.RpcRequestSchema, payload),
  writeRequest: (request: EnvironmentRequest) =>
    toBinary(environment.RpcRequestSchema, create(environment.RpcRequestSchema, request)),
  readResponse: (payload: Uint8Array) => fromBinary(environment.RpcResponseSchema, payload),
  writeResponse: (response: EnvironmentResponse) =>
    toBinary(environment.RpcResponseSchema, create(environment.RpcResponseSchema, response)),
};
