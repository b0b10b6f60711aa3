const { apply, getOwnPropertyDescriptor, getPrototypeOf } = Reflect;
const Bytes = globalThis.Uint8Array;
const { isView } = globalThis.ArrayBuffer;

type Getter = (this: unknown) => unknown;
const getter = (holder: object, name: string | symbol) =>
  getOwnPropertyDescriptor(holder, name)?.get as Getter;
const placeOf = (holder: object) => ({
  buffer: getter(holder, "buffer"),
  offset: getter(holder, "byteOffset"),
  length: getter(holder, "byteLength"),
});

const typedArray = getPrototypeOf(Bytes.prototype) as object;
const ofTypedArray = placeOf(typedArray);
const ofDataView = placeOf(DataView.prototype);
const kindOf = getter(typedArray, Symbol.toStringTag);
const bufferLength = getter(globalThis.ArrayBuffer.prototype, "byteLength");

/** The bytes of a buffer or of a view, without calling anything that user code could have replaced. */
export function bytesOf(source: unknown): Uint8Array | undefined {
  try {
    if (!isView(source)) {
      apply(bufferLength, source, []);
      return new Bytes(source as ArrayBuffer);
    }
    const { buffer, offset, length } = apply(kindOf, source, []) === undefined ? ofDataView : ofTypedArray;
    return new Bytes(
      apply(buffer, source, []) as ArrayBuffer,
      apply(offset, source, []) as number,
      apply(length, source, []) as number,
    );
  } catch {
    return undefined;
  }
}
