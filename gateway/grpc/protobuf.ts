/** As much of protobuf's wire format as the gateway's own services need (protobuf.dev, "Encoding"). */

/** A field of a message. Fixed-width fields are passed over. */
export interface ProtoField {
  number: number;
  /** Of a varint: its value, exact up to 2^53. Otherwise 0. */
  value: number;
  /** Of a length-delimited field: a part of the message's memory. Otherwise empty. */
  bytes: Uint8Array;
}

const EMPTY = new Uint8Array();
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The fields of a message in their order; undefined where the bytes are none. */
export function readProto(message: Uint8Array): ProtoField[] | undefined {
  const fields: ProtoField[] = [];
  const cursor = { at: 0 };
  while (cursor.at < message.byteLength) {
    const field = readField(message, cursor);
    if (field === undefined) return undefined;
    fields.push(field);
  }
  return fields;
}

interface Cursor {
  at: number;
}

function readField(message: Uint8Array, cursor: Cursor): ProtoField | undefined {
  const tag = readVarint(message, cursor);
  if (tag === undefined || tag < 8) return undefined;
  const number = Math.floor(tag / 8);
  switch (tag % 8) {
    case 0: {
      const value = readVarint(message, cursor);
      return value === undefined ? undefined : { number, value, bytes: EMPTY };
    }
    case 1:
      return skip(message, cursor, 8) && { number, value: 0, bytes: EMPTY };
    case 2: {
      const length = readVarint(message, cursor);
      if (length === undefined) return undefined;
      const from = cursor.at;
      return skip(message, cursor, length) && { number, value: 0, bytes: message.subarray(from, cursor.at) };
    }
    case 5:
      return skip(message, cursor, 4) && { number, value: 0, bytes: EMPTY };
    default:
      return undefined;
  }
}

function skip(message: Uint8Array, cursor: Cursor, bytes: number): true | undefined {
  if (bytes > message.byteLength - cursor.at) return undefined;
  cursor.at += bytes;
  return true;
}

const MAX_VARINT_BYTES = 10;

function readVarint(message: Uint8Array, cursor: Cursor): number | undefined {
  let value = 0;
  let factor = 1;
  for (let read = 0; read < MAX_VARINT_BYTES; read += 1) {
    const byte = message[cursor.at];
    if (byte === undefined) return undefined;
    cursor.at += 1;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 128;
  }
  return undefined;
}

/** The texts of all fields with this number. */
export function textsOf(fields: readonly ProtoField[], number: number): string[] {
  return messagesOf(fields, number).map((bytes) => decoder.decode(bytes));
}

/** The bytes of all fields with this number. */
export function messagesOf(fields: readonly ProtoField[], number: number): Uint8Array[] {
  return fields.filter((field) => field.number === number).map(({ bytes }) => bytes);
}

/** A field with a text, a message, or a number that is not negative. The value 0 is left out, as proto3 does. */
export function protoField(number: number, value: string | Uint8Array | number): Uint8Array {
  if (typeof value === "number") return value === 0 ? EMPTY : joined([varint(number * 8), varint(value)]);
  const bytes = typeof value === "string" ? encoder.encode(value) : value;
  return joined([varint(number * 8 + 2), varint(bytes.byteLength), bytes]);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.from([...bytes, rest]);
}
