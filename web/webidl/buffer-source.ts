/**
 * The bytes of a `BufferSource` of Web IDL: an `ArrayBuffer`, or a view of one. The kind of a value is asked of the
 * intrinsics: properties and methods that user code has changed have no effect.
 */
const { apply, getOwnPropertyDescriptor, getPrototypeOf } = Reflect;
const Bytes = globalThis.Uint8Array;
const { isView } = globalThis.ArrayBuffer;

type Getter<T> = (of: unknown) => T;

/** Throws for an object of another kind. */
export function getterOf<T>(prototype: object, name: string | symbol): Getter<T> {
  const get = getOwnPropertyDescriptor(prototype, name)?.get as (this: unknown) => T;
  return (of) => apply(get, of, []);
}

export const typedArrayPrototype = getPrototypeOf(Bytes.prototype) as object;
/** `Uint8Array`, `Float64Array` and so on. Undefined for a value that is no typed array. */
export const typedArrayKind = getterOf<string | undefined>(typedArrayPrototype, Symbol.toStringTag);
const bufferLength = getterOf<number>(globalThis.ArrayBuffer.prototype, "byteLength");
const isDetached = getterOf<boolean>(globalThis.ArrayBuffer.prototype, "detached");
const isResizable = getterOf<boolean>(globalThis.ArrayBuffer.prototype, "resizable");

const gettersOf = (prototype: object) => ({
  bufferOf: getterOf<ArrayBufferLike>(prototype, "buffer"),
  offsetOf: getterOf<number>(prototype, "byteOffset"),
  lengthOf: getterOf<number>(prototype, "byteLength"),
});
const ofTypedArray = gettersOf(typedArrayPrototype);
const ofDataView = gettersOf(DataView.prototype);

/**
 * The buffer of a view, and the part of it that the view shows. The part is empty if the view is out of bounds, or its buffer
 * is detached.
 */
function partOf(view: unknown): { buffer: ArrayBufferLike; offset: number; length: number } {
  const { bufferOf, offsetOf, lengthOf } = typedArrayKind(view) === undefined ? ofDataView : ofTypedArray;
  const buffer = bufferOf(view);
  return isArrayBuffer(buffer) && isDetached(buffer)
    ? { buffer, offset: 0, length: 0 }
    : { buffer, offset: offsetOf(view), length: lengthOf(view) };
}

/** Slow for a value that is no ArrayBuffer. */
export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  try {
    bufferLength(value);
    return true;
  } catch {
    return false;
  }
}

export function isBufferSource(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return typeof value === "object" && value !== null && (isView(value) || isArrayBuffer(value));
}

/** The bytes of a buffer or a view, shared memory included. Undefined for any other value, and for detached buffers. */
export function anyBytesOf(source: unknown): Uint8Array | undefined {
  try {
    if (isView(source)) {
      const { buffer, offset, length } = partOf(source);
      return new Bytes(buffer, offset, length);
    }
    return isArrayBuffer(source) ? new Bytes(source) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The bytes of a `BufferSource`, not copied. Empty if they were transferred away. Throws a TypeError for any other value and
 * for shared memory.
 */
export function bytesOf(value: unknown, context: string): Uint8Array<ArrayBuffer> {
  if (isView(value)) {
    const { buffer, offset, length } = partOf(value);
    if (!isArrayBuffer(buffer)) throw new TypeError(`${context} is a view of shared memory.`);
    return isDetached(buffer) ? new Bytes() : new Bytes(buffer, offset, length);
  }
  if (!isArrayBuffer(value)) throw new TypeError(`${context} is not an ArrayBuffer or a view of one.`);
  return isDetached(value) ? new Bytes() : new Bytes(value);
}

/** Checks a `BufferSource`. `copy` copies its bytes later. */
export function toBufferSource(value: unknown, context: string): { copy(): ArrayBuffer } {
  bytesOf(value, context);
  return { copy: () => copyOfBytes(value, context) };
}

/** A copy of the bytes of a `BufferSource`. */
export function copyOfBytes(value: unknown, context: string): ArrayBuffer {
  const bytes = bytesOf(value, context);
  const copy = new Bytes(bytes.length);
  copy.set(bytes);
  return copy.buffer;
}

/** Like `copyOfBytes`, but refuses a buffer that can change its size. */
export function copyOfFixedBytes(value: unknown, context: string): Uint8Array<ArrayBuffer> {
  const copy = copyOfBytes(value, context);
  const buffer = isView(value) ? partOf(value).buffer : value;
  if (isResizable(buffer)) throw new TypeError(`${context} is on a resizable ArrayBuffer.`);
  return new Bytes(copy);
}
