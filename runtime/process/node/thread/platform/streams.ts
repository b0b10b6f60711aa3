/** Node's own streams, in place of web/streams/streams.ts. */
export const ReadableStream = globalThis.ReadableStream;
