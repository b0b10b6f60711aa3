/** A `BufferSource` of Web IDL: an ArrayBuffer, or a view on one. */
export function isBufferSource(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

/** The bytes that it holds now, in a buffer of their own; none where its buffer was taken away. */
export function takeCopy(source: ArrayBuffer | ArrayBufferView, context: string): Uint8Array<ArrayBuffer> {
  const isView = ArrayBuffer.isView(source);
  const buffer = isView ? source.buffer : source;
  if (!(buffer instanceof ArrayBuffer)) throw new TypeError(`${context} is a view on shared memory.`);
  if (buffer.resizable) throw new TypeError(`${context} is on a resizable ArrayBuffer.`);
  if (source.byteLength === 0) return new Uint8Array(0);
  return new Uint8Array(buffer, isView ? source.byteOffset : 0, source.byteLength).slice();
}
