// Written by `narun types` from greeter.proto. Changes to this file are lost.
import type { GenMessage, GenService, Message } from "narun/protobuf";

/** The message greeter.v1.SayHelloRequest. */
export type SayHelloRequest = Message<"greeter.v1.SayHelloRequest"> & {
  /** Field 1. */
  name: string;
};
/** The descriptor of greeter.v1.SayHelloRequest: `create(SayHelloRequestSchema, { … })`. */
export declare const SayHelloRequestSchema: GenMessage<SayHelloRequest>;

/** The message greeter.v1.SayHelloReply. */
export type SayHelloReply = Message<"greeter.v1.SayHelloReply"> & {
  /** Field 1. */
  text: string;
};
/** The descriptor of greeter.v1.SayHelloReply: `create(SayHelloReplySchema, { … })`. */
export declare const SayHelloReplySchema: GenMessage<SayHelloReply>;

/** Greets people. */
export declare const Greeter: GenService<{
  /** greeter.v1.Greeter.SayHello */
  sayHello: { methodKind: "unary"; input: typeof SayHelloRequestSchema; output: typeof SayHelloReplySchema };
}>;
