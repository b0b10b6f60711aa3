// Written by `narun types` from greeter.proto. Changes to this file are lost.
import type { GenEnum, GenMessage, GenService, Message } from "narun/protobuf";

/** The message examples.greeter.v1.SayHelloRequest. */
export type SayHelloRequest = Message<"examples.greeter.v1.SayHelloRequest"> & {
  /** Field 1. */
  name: string;
  /** Field 2. */
  language: Language;
};
/** The descriptor of examples.greeter.v1.SayHelloRequest: `create(SayHelloRequestSchema, { … })`. */
export declare const SayHelloRequestSchema: GenMessage<SayHelloRequest>;

/** The message examples.greeter.v1.SayHelloReply. */
export type SayHelloReply = Message<"examples.greeter.v1.SayHelloReply"> & {
  /** Field 1. */
  text: string;
};
/** The descriptor of examples.greeter.v1.SayHelloReply: `create(SayHelloReplySchema, { … })`. */
export declare const SayHelloReplySchema: GenMessage<SayHelloReply>;

/** The enum examples.greeter.v1.Language. */
export declare const Language: {
  /** LANGUAGE_UNSPECIFIED. */
  readonly UNSPECIFIED: 0;
  /** LANGUAGE_ENGLISH. */
  readonly ENGLISH: 1;
  /** LANGUAGE_GERMAN. */
  readonly GERMAN: 2;
};
export type Language = (typeof Language)[keyof typeof Language];
/** The descriptor of examples.greeter.v1.Language. */
export declare const LanguageSchema: GenEnum<Language>;

/** Greets people. */
export declare const Greeter: GenService<{
  /** One greeting. */
  sayHello: { methodKind: "unary"; input: typeof SayHelloRequestSchema; output: typeof SayHelloReplySchema };
  /** A greeting a second, until the caller leaves. */
  listen: { methodKind: "server_streaming"; input: typeof SayHelloRequestSchema; output: typeof SayHelloReplySchema };
  /** Answers each name as it comes. */
  chat: { methodKind: "bidi_streaming"; input: typeof SayHelloRequestSchema; output: typeof SayHelloReplySchema };
}>;
