/** The types of handlers, by the descriptors of a service. */
import type {
  DescMessage,
  DescMethod,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { GrpcContext } from "./call.ts";

type Later<T> = T | Promise<T>;
type Inputs<M extends DescMessage> = AsyncIterable<MessageShape<M>>;
type Outputs<M extends DescMessage> = AsyncIterable<MessageInitShape<M>> | Iterable<MessageInitShape<M>>;

/** A method's type lets a handler name the `env` that it reads: `ctx: GrpcContext<Env>`. */
interface Signature<Input, Output> {
  handle(input: Input, context: GrpcContext<unknown>): Output;
}

type Handle<Input, Output> = Signature<Input, Output>["handle"];

/** The handler of one method: messages in, messages or their fields out. */
export type GrpcHandler<M extends DescMethod> = M["methodKind"] extends "unary"
  ? Handle<MessageShape<M["input"]>, Later<MessageInitShape<M["output"]>>>
  : M["methodKind"] extends "server_streaming"
    ? Handle<MessageShape<M["input"]>, Outputs<M["output"]>>
    : M["methodKind"] extends "client_streaming"
      ? Handle<Inputs<M["input"]>, Later<MessageInitShape<M["output"]>>>
      : Handle<Inputs<M["input"]>, Outputs<M["output"]>>;

/**
 * The handlers of a service by the names of its methods, in camel case. A method without one is UNIMPLEMENTED. The types of a
 * service that is known at run time only are open.
 */
export type GrpcHandlers<S extends DescService> = string extends keyof S["method"]
  ? Readonly<Record<string, Handle<never, unknown>>>
  : { [Name in keyof S["method"]]?: GrpcHandler<S["method"][Name]> };
