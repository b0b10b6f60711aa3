/**
/**
 * The types of a function, and of `serve` for programs of one's own; and `grpc`. Types leave no trace in a bundle, and neither does
 * `grpc` where it is not imported. `Request` and `Response` are the platform's own.
 */

import type { grpc as implementGrpc } from "./grpc/grpc.ts";
import type { GrpcHandlers } from "./grpc/handlers.ts";
import type { ServedApp, ServedConsumer, ServedHandler, ServeOptions, UpgradedWebSocket } from "./serve.ts";
import type { ConnectedService, ConnectOptions } from "./service/client.ts";

export type {
  BindingValue,
  Events,
  HeardEvent,
  KvBucket,
  KvChange,
  KvEntry,
  KvGetOptions,
  KvPutOptions,
  KvReadOptions,
  NatsReply,
  ObjectBucket,
  ObjectInfo,
  PublishEventOptions,
  PublishedEvent,
  Publisher,
  RateLimit,
  Service,
  StoredObject,
  StoredValue,
  WorkflowStatus,
  Workflows,
} from "./bindings.ts";
export type { Context } from "./context.ts";
export type { GrpcContext, GrpcProtocol } from "./grpc/call.ts";
export type { GrpcCodeName } from "./grpc/codes.ts";
export { type GrpcFunction, type GrpcOptions, grpc } from "./grpc/grpc.ts";
export { type GrpcDetail, GrpcError, type GrpcErrorOptions } from "./grpc/grpc-error.ts";
export type { GrpcHandler, GrpcHandlers } from "./grpc/handlers.ts";
export { Metadata } from "./grpc/metadata.ts";
export type { GrpcService, GrpcServiceOptions } from "./grpc/service-actions.ts";
export type { Env, Handler, ModuleWorker } from "./handler.ts";
export { type EncryptedSchema, encrypted, type Rows, rows } from "./seal/rows.ts";
export type {
  NatsAccess,
  ServedApp,
  ServedConsumer,
  ServedHandler,
  ServeOptions,
  UpgradedWebSocket,
} from "./serve.ts";
export type { ActionOptions, DeclaredError } from "./service/action.ts";
export { ActionError } from "./service/action-error.ts";
export type {
  CallOptions,
  ConnectedService,
  ConnectOptions,
  ConnectSeal,
  ServiceActions,
  ServiceClient,
  ServiceError,
} from "./service/client.ts";
export type { ErrorTypes, ServiceContext } from "./service/context.ts";
export type { Description } from "./service/description.ts";
export type { EventOptions, ServiceEvent } from "./service/event.ts";
export type { PublishOptions } from "./service/event-port.ts";
export { type ActionTypes, type ServiceFunction, type ServiceOptions, service } from "./service/service.ts";
export type { InputOf, OutputOf, StandardSchema } from "./service/standard-schema.ts";
export type {
  Message,
  MessageBatch,
  MessageHandler,
  QueueHandler,
  ScheduledEvent,
  ScheduledHandler,
  TriggeredWorker,
} from "./triggers.ts";
export type { WebSocketPair } from "./web-sockets.ts";
export type {
  ChildOptions,
  StepFunction,
  StepInfo,
  StepOptions,
  WorkflowContext,
} from "./workflow/context.ts";
export type { Duration } from "./workflow/duration.ts";
export { NonRetryableError, StepFailed, timedOut, WorkflowCancelled } from "./workflow/errors.ts";
export type { RetryOptions } from "./workflow/state.ts";
export { type WorkflowCode, type WorkflowModule, workflow } from "./workflow/workflow.ts";

/**
 * The client of a service in a Node process of one's own: `connect<typeof orders>("orders", { nats })`. The calls wake the service, by a
 * gateway. Errors: a TypeError for wrong options; NATS_UNREACHABLE, NATS_LOGIN_REFUSED. A function has bindings instead.
 */
export declare function connect<S>(service: string, options?: ConnectOptions): Promise<ConnectedService<S>>;

/**
 * Serves requests to a service by a handler of this Node process, which is not deployed. Resolves when requests can come. Errors:
 * a TypeError for wrong options; NATS_UNREACHABLE, NATS_LOGIN_REFUSED; NAME_TAKEN, where a function has the name. A function cannot call
 * it: the build says that `narun` has no such export.
 */
export declare function serve(handler: ServedHandler, options: ServeOptions): Promise<ServedConsumer>;
export declare function serve(app: ServedApp, options: ServeOptions): Promise<ServedConsumer>;

/**
 * Serves a gRPC service by handlers of this Node process, as `grpc(service, handlers)` does in a function. Gateways find it by its
 * full name; gRPC-Web, Connect and paths of HTTP go by `routes`. Errors: as `serve`.
 */
export declare function serveGrpc<S extends Parameters<typeof implementGrpc>[0]>(
  service: S,
  handlers: GrpcHandlers<S>,
  options: ServeOptions,
): Promise<ServedConsumer>;

/**
 * Answers a request with a WebSocket, in a process of `serve`. `headers`: further fields of the answer, such as
 * `sec-websocket-protocol`. Throws a TypeError where the request asks for none.
 */
export declare function upgradeWebSocket(
  request: Request,
  options?: { headers?: ConstructorParameters<typeof Headers>[0] },
): UpgradedWebSocket;
