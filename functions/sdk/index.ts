/**
 * The types of a function, and `grpc`. Types leave no trace in the bundle, and neither does `grpc` where it is not imported.
 * `Request` and `Response` are the platform's own.
 */

export type {
  BindingValue,
  KvBucket,
  KvChange,
  KvEntry,
  KvGetOptions,
  KvPutOptions,
  KvReadOptions,
  NatsReply,
  ObjectBucket,
  ObjectInfo,
  Publisher,
  RateLimit,
  Service,
  StoredObject,
  StoredValue,
} from "./bindings.ts";
export type { GrpcContext, GrpcProtocol } from "./grpc/call.ts";
export type { GrpcCodeName } from "./grpc/codes.ts";
export { type GrpcFunction, type GrpcOptions, grpc } from "./grpc/grpc.ts";
export { type GrpcDetail, GrpcError, type GrpcErrorOptions } from "./grpc/grpc-error.ts";
export type { GrpcHandler, GrpcHandlers } from "./grpc/handlers.ts";
export { Metadata } from "./grpc/metadata.ts";
export type { Context, Env, Handler, ModuleWorker } from "./handler.ts";
export type { WebSocketPair } from "./web-sockets.ts";
