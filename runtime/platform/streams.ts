/** The Streams standard, by its well-kept polyfill: V8 alone has none. Typed as the platform's own. */
import {
  ReadableStream as PolyfillReadableStream,
  TransformStream as PolyfillTransformStream,
  WritableStream as PolyfillWritableStream,
} from "web-streams-polyfill";

export { ByteLengthQueuingStrategy, CountQueuingStrategy } from "web-streams-polyfill";

export const ReadableStream = PolyfillReadableStream as unknown as typeof globalThis.ReadableStream;
export type ReadableStream<T = unknown> = globalThis.ReadableStream<T>;
export const WritableStream = PolyfillWritableStream as unknown as typeof globalThis.WritableStream;
export type WritableStream<T = unknown> = globalThis.WritableStream<T>;
export const TransformStream = PolyfillTransformStream as unknown as typeof globalThis.TransformStream;
export type TransformStream<I = unknown, O = unknown> = globalThis.TransformStream<I, O>;
