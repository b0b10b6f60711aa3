/**
 * The bytes of an `ArrayBuffer` or of a view of one. What they are is asked of the intrinsics: a property that user code
 * put on an object says nothing.
 */
type Getter = (this: unknown) => unknown;

function getter(prototype: object, name: string | symbol): (of: unknown) => unknown {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get as Getter;
  return (of) => Reflect.apply(get, of, []);
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const bufferLength = getter(ArrayBuffer.prototype, "byteLength");
const isDetached = getter(ArrayBuffer.prototype, "detached");
/** The name of a typed array's kind, undefined for everything else. */
const kindOf = getter(typedArray, Symbol.toStringTag) as (of: unknown) => string | undefined;

function partsOf(prototype: object): (view: unknown) => [ArrayBufferLike, number, number] {
  const [buffer, offset, length] = ["buffer", "byteOffset", "byteLength"].map((name) =>
    getter(prototype, name),
  );
  return (view) => [buffer?.(view), offset?.(view), length?.(view)] as [ArrayBufferLike, number, number];
}

const typedArrayParts = partsOf(typedArray);
const dataViewParts = partsOf(DataView.prototype);

function isArrayBuffer(value: unknown): value is ArrayBuffer {
  try {
    bufferLength(value);
    return true;
  } catch {
    return false;
  }
}

/** `Uint8Array`, `Float64Array` and so on; undefined for what is no typed array. */
export const typedArrayKind = kindOf;

export function isBufferSource(value: unknown): boolean {
  return ArrayBuffer.isView(value) || isArrayBuffer(value);
}

/** The bytes under a `BufferSource`, not copied: none where they were transferred away. Throws a TypeError for anything else, shared memory included. */
export function bytesOf(value: unknown, context: string): Uint8Array<ArrayBuffer> {
  if (isArrayBuffer(value)) return isDetached(value) ? new Uint8Array() : new Uint8Array(value);
  if (!ArrayBuffer.isView(value)) throw new TypeError(`${context} is not an ArrayBuffer or a view of one.`);
  const [buffer, offset, length] =
    kindOf(value) === undefined ? dataViewParts(value) : typedArrayParts(value);
  if (!isArrayBuffer(buffer)) throw new TypeError(`${context} is a view of shared memory.`);
  return isDetached(buffer) ? new Uint8Array() : new Uint8Array(buffer, offset, length);
}

/** A `BufferSource`, known to be one; its bytes are copied when they are wanted. */
export function toBufferSource(value: unknown, context: string): { copy(): ArrayBuffer } {
  bytesOf(value, context);
  return { copy: () => copyOfBytes(value, context) };
}

/** A copy of the bytes under a `BufferSource`. */
export function copyOfBytes(value: unknown, context: string): ArrayBuffer {
  const bytes = bytesOf(value, context);
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy.buffer;
}
