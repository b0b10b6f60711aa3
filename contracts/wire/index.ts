/**
 * The wire between processes: how HTTP travels in messages. Each form of it is one file, with both directions of both
 * messages (docs/wire.md).
 *
 * - `header-mode.ts`: one NATS message with header fields, the form of today.
 * - `stream.ts`: frames, for bodies that do not fit into one message.
 *
 * Binary HTTP (RFC 9292) and gRPC are further files beside it. A form uses the same facts: `RequestFacts`, `ReplyFacts`, and
 * fields as a `FieldList`.
 */
export * from "./field-list.ts";
export * from "./field-names.ts";
export * from "./header-bytes.ts";
export * from "./header-mode.ts";
export * from "./header-names.ts";
export * from "./headers.ts";
export * from "./stream.ts";
export * from "./time-left.ts";
export * from "./trailers.ts";
