/** The types of handlers, by the descriptors of a service. */
import type {
  DescMessage,
  DescMethod,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Env } from "../handler.ts";
import type { GrpcContext } from "./call.ts";

type Later<T> = T | Promise<T>;
type Inputs<M extends DescMessage> = AsyncIterable<MessageShape<M>>;
type Outputs<M extends DescMessage> = AsyncIterable<MessageInitShape<M>> | Iterable<MessageInitShape<M>>;

/** The handler of one method: messages in, messages or their fields out. */
export type GrpcHandler<M extends DescMethod, E = Env> = M["methodKind"] extends "unary"
  ? (message: MessageShape<M["input"]>, context: GrpcContext<E>) => Later<MessageInitShape<M["output"]>>
  : M["methodKind"] extends "server_streaming"
    ? (message: MessageShape<M["input"]>, context: GrpcContext<E>) => Outputs<M["output"]>
    : M["methodKind"] extends "client_streaming"
      ? (messages: Inputs<M["input"]>, context: GrpcContext<E>) => Later<MessageInitShape<M["output"]>>
      : (messages: Inputs<M["input"]>, context: GrpcContext<E>) => Outputs<M["output"]>;

/** The handlers of a service by the names of its methods, in camel case. A method without one is UNIMPLEMENTED. */
export type GrpcHandlers<S extends DescService, E = Env> = {
  [Name in keyof S["method"]]?: GrpcHandler<S["method"][Name], E>;
};
