/**
 * Changes of a KV bucket as frames of a byte stream. A frame has the length of its rest (4 bytes), the kind (1: put, 2:
 * delete), the revision and the time (8 bytes each, floating point), the key's length (2 bytes), the key and the value. All
 * numbers are big-endian.
 */
export interface KvFrame {
  kind: "put" | "delete";
  revision: number;
  /** Epoch milliseconds. */
  at: number;
  key: Uint8Array;
  value: Uint8Array;
}

const LENGTH_BYTES = 4;
const HEAD_BYTES = LENGTH_BYTES + 1 + 8 + 8 + 2;

export function encodeKvFrame({ kind, revision, at, key, value }: KvFrame): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEAD_BYTES + key.byteLength + value.byteLength);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.byteLength - LENGTH_BYTES);
  view.setUint8(4, kind === "put" ? 1 : 2);
  view.setFloat64(5, revision);
  view.setFloat64(13, at);
  view.setUint16(21, key.byteLength);
  frame.set(key, HEAD_BYTES);
  frame.set(value, HEAD_BYTES + key.byteLength);
  return frame;
}

/** Creates a reader: it takes the next chunk of the stream, and returns the frames that are whole by then. */
export function createKvFrameReader(): (chunk: Uint8Array) => KvFrame[] {
  let rest: Uint8Array = new Uint8Array();
  return (chunk) => {
    rest = rest.byteLength === 0 ? chunk : join(rest, chunk);
    const frames: KvFrame[] = [];
    while (rest.byteLength >= LENGTH_BYTES) {
      const view = new DataView(rest.buffer, rest.byteOffset, rest.byteLength);
      const end = LENGTH_BYTES + view.getUint32(0);
      if (rest.byteLength < end) break;
      const keyEnd = HEAD_BYTES + view.getUint16(21);
      frames.push({
        kind: view.getUint8(4) === 1 ? "put" : "delete",
        revision: view.getFloat64(5),
        at: view.getFloat64(13),
        key: rest.subarray(HEAD_BYTES, keyEnd),
        value: rest.slice(keyEnd, end),
      });
      rest = rest.subarray(end);
    }
    return frames;
  };
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.byteLength + second.byteLength);
  joined.set(first);
  joined.set(second, first.byteLength);
  return joined;
}
