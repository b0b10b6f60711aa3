/** Cloning array buffers and the views of them. */
import { DOMException } from "./dom-exception.ts";

interface ViewConstructor {
  new (buffer: ArrayBuffer, offset: number, length?: number): ArrayBufferView;
}

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
const nameOfTypedArray = getter(typedArrayPrototype, Symbol.toStringTag);
const keysOfTypedArray = Uint8Array.prototype.keys;
const lengthOfTypedArray = getter(typedArrayPrototype, "length");
const bufferOfTypedArray = getter(typedArrayPrototype, "buffer");
const offsetOfTypedArray = getter(typedArrayPrototype, "byteOffset");
const bufferOfDataView = getter(DataView.prototype, "buffer");
const offsetOfDataView = getter(DataView.prototype, "byteOffset");
const lengthOfDataView = getter(DataView.prototype, "byteLength");
const byteLength = getter(ArrayBuffer.prototype, "byteLength");

const viewConstructors = new Map<unknown, ViewConstructor>(
  Object.getOwnPropertyNames(globalThis)
    .map((name) => (globalThis as Record<string, unknown>)[name])
    .filter(
      (value) =>
        typeof value === "function" && Object.getPrototypeOf(value) === Object.getPrototypeOf(Uint8Array),
    )
    .map((value) => [(value as { name: string }).name, value as ViewConstructor]),
);

function getter(prototype: object, name: string | symbol): (receiver: unknown) => unknown {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get;
  return (receiver) => Reflect.apply(get as () => unknown, receiver, []);
}

export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  if (!(value instanceof ArrayBuffer)) return false;
  try {
    byteLength(value);
    return true;
  } catch {
    return false;
  }
}

export function cloneArrayBuffer(buffer: ArrayBuffer): ArrayBuffer {
  if (buffer.detached) throw new DOMException("A detached ArrayBuffer cannot be cloned", "DataCloneError");
  const length = byteLength(buffer) as number;
  const copy = buffer.resizable
    ? new ArrayBuffer(length, { maxByteLength: buffer.maxByteLength })
    : new ArrayBuffer(length);
  new Uint8Array(copy).set(new Uint8Array(buffer));
  return copy;
}

/** What a view shows, apart from its bytes: makes the same view of another buffer. */
export interface ViewShape {
  buffer: ArrayBufferLike;
  on(buffer: ArrayBuffer): ArrayBufferView;
}

export function viewShapeOf(view: ArrayBufferView): ViewShape {
  const name = nameOfTypedArray(view);
  const View = name === undefined ? (DataView as ViewConstructor) : viewConstructors.get(name);
  if (View === undefined) throw new DOMException(`A ${name} cannot be cloned`, "DataCloneError");
  const isInBounds = () => {
    try {
      // Both throw where the view is out of the bounds of its buffer, or that is gone.
      if (name === undefined) lengthOfDataView(view);
      else Reflect.apply(keysOfTypedArray, view, []);
      return true;
    } catch {
      return false;
    }
  };
  if (!isInBounds())
    throw new DOMException("A view that is out of its buffer's bounds cannot be cloned", "DataCloneError");
  const isDataView = name === undefined;
  const buffer = (isDataView ? bufferOfDataView : bufferOfTypedArray)(view) as ArrayBufferLike;
  const offset = (isDataView ? offsetOfDataView : offsetOfTypedArray)(view) as number;
  const lengthOf = isDataView ? lengthOfDataView : lengthOfTypedArray;
  const length = lengthOf(view) as number;
  const bytes = isDataView ? 1 : (View as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
  const hasFollowed = () => isInBounds() && lengthOf(view) !== length;
  const tracks = isArrayBuffer(buffer) && buffer.resizable && tracksLength(buffer, bytes, hasFollowed);
  return { buffer, on: (target) => new View(target, offset, tracks ? undefined : length) };
}

/**
 * Whether a view follows the length of its buffer. Nothing tells but trying: the buffer is made larger for a moment, or
 * smaller where it cannot be larger. A view of a fixed length keeps it, or is out of bounds.
 */
function tracksLength(buffer: ArrayBuffer, bytesPerElement: number, hasFollowed: () => boolean): boolean {
  const size = buffer.byteLength;
  const canGrow = size + bytesPerElement <= buffer.maxByteLength;
  const otherSize = canGrow ? size + bytesPerElement : Math.max(0, size - bytesPerElement);
  const tail = new Uint8Array(buffer).slice(Math.min(size, otherSize));
  buffer.resize(otherSize);
  const tracks = hasFollowed();
  buffer.resize(size);
  new Uint8Array(buffer).set(tail, size - tail.length);
  return tracks;
}
