/**
 * The wire between processes: how HTTP travels in messages. Each form of it is one file, with both directions of both
 * messages (docs/wire.md).
 *
 * - `header-mode.ts`: one NATS message with header fields, the form between parts of narun.
 * - `bhttp-mode.ts`: one NATS message whose data is binary HTTP (`bhttp.ts`), as later versions of the original toolkit write it.
 * - `stream.ts`: frames, for bodies that do not fit into one message.
 * - `socket-*.ts`: both over a socket between processes of one machine.
 *
 * gRPC is a further file beside it. A form uses the same facts: `RequestFacts`, `ReplyFacts`, and
 * fields as a `FieldList`.
 */
export * from "./action-error.ts";
export * from "./bhttp.ts";
export * from "./bhttp-mode.ts";
export * from "./field-list.ts";
export * from "./field-names.ts";
export * from "./grpc-frames.ts";
export * from "./grpc-message.ts";
export * from "./grpc-status.ts";
export * from "./grpc-timeout.ts";
export * from "./grpc-trailing.ts";
export * from "./header-bytes.ts";
export * from "./header-mode.ts";
export * from "./header-names.ts";
export * from "./headers.ts";
export * from "./request-text.ts";
export * from "./response-block.ts";
export * from "./socket-address.ts";
export * from "./socket-batch.ts";
export * from "./socket-frames.ts";
export * from "./socket-head.ts";
export * from "./socket-hello.ts";
export * from "./socket-splitter.ts";
export * from "./stream.ts";
export * from "./time-left.ts";
export * from "./trace.ts";
export * from "./trailers.ts";
export * from "./trigger.ts";
export * from "./wire.ts";
