/** Cloning array buffers and the views of them. */

import { DOMException } from "../dom/dom-exception.ts";
import {
  getterOf,
  isArrayBuffer as isBuffer,
  typedArrayKind,
  typedArrayPrototype,
} from "../webidl/buffer-source.ts";

interface ViewConstructor {
  new (buffer: ArrayBuffer, offset: number, length?: number): ArrayBufferView;
}

const keysOfTypedArray = Uint8Array.prototype.keys;
const lengthOfTypedArray = getterOf<number>(typedArrayPrototype, "length");
const bufferOfTypedArray = getterOf<ArrayBufferLike>(typedArrayPrototype, "buffer");
const offsetOfTypedArray = getterOf<number>(typedArrayPrototype, "byteOffset");
const bufferOfDataView = getterOf<ArrayBufferLike>(DataView.prototype, "buffer");
const offsetOfDataView = getterOf<number>(DataView.prototype, "byteOffset");
const lengthOfDataView = getterOf<number>(DataView.prototype, "byteLength");
const byteLength = getterOf<number>(ArrayBuffer.prototype, "byteLength");

const viewConstructors = new Map<unknown, ViewConstructor>(
  Object.getOwnPropertyNames(globalThis)
    .map((name) => (globalThis as Record<string, unknown>)[name])
    .filter(
      (value) =>
        typeof value === "function" && Object.getPrototypeOf(value) === Object.getPrototypeOf(Uint8Array),
    )
    .map((value) => [(value as { name: string }).name, value as ViewConstructor]),
);

/** The prototype is tested first: a probe that fails is slow. */
export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return value instanceof ArrayBuffer && isBuffer(value);
}

export function cloneArrayBuffer(buffer: ArrayBuffer): ArrayBuffer {
  if (buffer.detached) throw new DOMException("A detached ArrayBuffer cannot be cloned", "DataCloneError");
  const length = byteLength(buffer);
  const copy = buffer.resizable
    ? new ArrayBuffer(length, { maxByteLength: buffer.maxByteLength })
    : new ArrayBuffer(length);
  new Uint8Array(copy).set(new Uint8Array(buffer));
  return copy;
}

/** The shape of a view without its bytes. It makes the same view of another buffer. */
export interface ViewShape {
  buffer: ArrayBufferLike;
  on(buffer: ArrayBuffer): ArrayBufferView;
}

export function viewShapeOf(view: ArrayBufferView): ViewShape {
  const name = typedArrayKind(view);
  const View = name === undefined ? (DataView as ViewConstructor) : viewConstructors.get(name);
  if (View === undefined) throw new DOMException(`A ${name} cannot be cloned`, "DataCloneError");
  const isInBounds = () => {
    try {
      // Both throw if the view is out of the bounds of its buffer, or the buffer is detached.
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
  const buffer = (isDataView ? bufferOfDataView : bufferOfTypedArray)(view);
  const offset = (isDataView ? offsetOfDataView : offsetOfTypedArray)(view);
  const lengthOf = isDataView ? lengthOfDataView : lengthOfTypedArray;
  const length = lengthOf(view);
  const bytes = isDataView ? 1 : (View as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
  const hasFollowed = () => isInBounds() && lengthOf(view) !== length;
  const tracks = isArrayBuffer(buffer) && buffer.resizable && tracksLength(buffer, bytes, hasFollowed);
  return { buffer, on: (target) => new View(target, offset, tracks ? undefined : length) };
}

/**
 * Whether a view follows the length of its buffer. Only a trial shows it: the buffer grows for a moment, or shrinks if it
 * cannot grow. A view of a fixed length keeps its length, or goes out of bounds.
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
