/**
 * Binary HTTP: a whole request or response as bytes (RFC 9292). Names, values and control data are texts with one character a
 * byte, as in a `FieldList`.
 *
 * I1  A message is read as a whole or not at all: `ok` is false for every message that the RFC calls invalid.
 * I2  Empty content and empty trailers may be missing at the end. So may a whole empty field section behind control data
 *     (section 3.8). Zeros may follow; other bytes may not.
 * I3  Reading takes time and memory in proportion to the message. A claimed length allocates nothing.
 * I4  Both directions keep the bounds of the original toolkit's codec, so that each side reads the other's messages.
 */
import { BhttpReader, BhttpWriter, InvalidBhttp } from "./bhttp-bytes.ts";
import type { FieldList } from "./field-list.ts";
import { isByteLine, isFieldName } from "./headers.ts";

/** The bounds of control data and of one field, in bytes. */
export const BHTTP_BOUNDS = {
  method: 64,
  scheme: 64,
  authority: 256,
  /** The path with its query. */
  path: 4_096,
  /** A field's name and value. */
  field: 16 * 1024,
} as const;

/** How a message tells the ends of its parts: by lengths before them, or by a zero behind them. */
export type BhttpFraming = "known" | "indeterminate";

interface BhttpBody {
  framing: BhttpFraming;
  /** Names in lower case. */
  fields: FieldList;
  content: Uint8Array;
  trailers: FieldList;
}

export interface BhttpRequest extends BhttpBody {
  method: string;
  /** May be empty, as the original toolkit writes it. */
  scheme: string;
  /** Empty: the field `host` names the host, if any does. */
  authority: string;
  path: string;
}

export interface BhttpResponse extends BhttpBody {
  /** 200 to 599. */
  status: number;
  /** The responses with a status of 1xx before it. */
  informational: { status: number; fields: FieldList }[];
}

/** A message, or the reason why the bytes are none. */
export type BhttpRead<Message> = { ok: true; message: Message } | { ok: false; why: string };

/** The first number of a message. */
const FRAMINGS = ["known", "indeterminate"] as const;
const KINDS = { request: 0, response: 1 } as const;

/** Reads a request. */
export function readBhttpRequest(bytes: Uint8Array): BhttpRead<BhttpRequest> {
  return read(bytes, "request", (reader, framing) => {
    const method = reader.text("method", BHTTP_BOUNDS.method);
    const scheme = reader.text("scheme", BHTTP_BOUNDS.scheme);
    const authority = reader.text("authority", BHTTP_BOUNDS.authority);
    const path = reader.text("path", BHTTP_BOUNDS.path);
    if (!isFieldName(method)) throw new InvalidBhttp("its method is no token");
    if (!isSchemeOrEmpty(scheme)) throw new InvalidBhttp("its scheme is none");
    if (!isTarget(authority) || !isTarget(path)) throw new InvalidBhttp("its target has forbidden bytes");
    if (path === "") throw new InvalidBhttp("it has no path");
    return { framing, method, scheme, authority, path, ...readBody(reader, framing) };
  });
}

/** Reads a response. */
export function readBhttpResponse(bytes: Uint8Array): BhttpRead<BhttpResponse> {
  return read(bytes, "response", (reader, framing) => {
    const informational: BhttpResponse["informational"] = [];
    for (;;) {
      const status = reader.integer();
      if (status < 100 || status > 599) throw new InvalidBhttp(`${status} is no status`);
      if (status >= 200) return { framing, status, informational, ...readBody(reader, framing) };
      informational.push({ status, fields: readFieldSection(reader, framing) });
    }
  });
}

function read<Message>(
  bytes: Uint8Array,
  kind: keyof typeof KINDS,
  readMessage: (reader: BhttpReader, framing: BhttpFraming) => Message,
): BhttpRead<Message> {
  try {
    const reader = new BhttpReader(bytes);
    const indicator = reader.integer();
    const framing = indicator % 2 === KINDS[kind] ? FRAMINGS[indicator >> 1] : undefined;
    if (framing === undefined) throw new InvalidBhttp(`it is no ${kind}: it begins with ${indicator}`);
    const message = readMessage(reader, framing);
    reader.padding();
    return { ok: true, message };
  } catch (error) {
    if (!(error instanceof InvalidBhttp)) throw error;
    return { ok: false, why: error.message };
  }
}

function readBody(reader: BhttpReader, framing: BhttpFraming) {
  return {
    fields: readFieldSection(reader, framing),
    content: readContent(reader, framing),
    trailers: readFieldSection(reader, framing),
  };
}

const NO_CONTENT = Buffer.alloc(0);

function readContent(reader: BhttpReader, framing: BhttpFraming): Uint8Array {
  if (reader.isAtEnd) return NO_CONTENT;
  return framing === "known" ? reader.bytes() : reader.pieces();
}

function readFieldSection(reader: BhttpReader, framing: BhttpFraming): string[] {
  const fields = new FieldSection();
  if (reader.isAtEnd) return fields.list;
  if (framing === "known") {
    const section = new BhttpReader(reader.bytes());
    while (!section.isAtEnd) fields.add(section.text("field", BHTTP_BOUNDS.field), section);
    return fields.list;
  }
  for (let name = reader.text("field", BHTTP_BOUNDS.field); name !== ""; ) {
    fields.add(name, reader);
    name = reader.text("field", BHTTP_BOUNDS.field);
  }
  return fields.list;
}

/** Pseudo-fields whose values control data has. */
const IN_CONTROL_DATA = new Set([":method", ":scheme", ":authority", ":path", ":status"]);
const NOT_IN_NAME = /[A-Z]/;

/** The fields of a section, checked as HTTP/2 checks them (RFC 9113, section 8.2.1). */
class FieldSection {
  readonly list: string[] = [];

  add(name: string, reader: BhttpReader): void {
    const value = reader.text("field", BHTTP_BOUNDS.field - name.length);
    if (!isByteLine(value)) throw new InvalidBhttp(`the value of its field ${name} has forbidden bytes`);
    if (name.startsWith(":")) {
      // Pseudo-fields of extensions are allowed before all others, and have no meaning here.
      if (IN_CONTROL_DATA.has(name) || this.list.length > 0) throw new InvalidBhttp(`it has a field ${name}`);
      return;
    }
    if (!isFieldName(name) || NOT_IN_NAME.test(name)) throw new InvalidBhttp("the name of a field is none");
    // HTTP strips white space around a value. Handlers of the original toolkit may leave it.
    this.list.push(name, value.replace(AROUND_VALUE, ""));
  }
}

const AROUND_VALUE = /^[\t ]+|[\t ]+$/g;

function isSchemeOrEmpty(scheme: string): boolean {
  return /^(?:[a-z][a-z\d+.-]*)?$/i.test(scheme);
}

/** Whether a text has only visible bytes: a part of a request's target (RFC 9113, section 8.3.1). */
function isTarget(text: string): boolean {
  return !/[\0-\x20\x7f]/.test(text);
}

/** Writes a request. Undefined where it is over the bounds, or is none of HTTP. */
export function writeBhttpRequest(message: BhttpRequest): Buffer | undefined {
  const { method, scheme, authority, path, framing } = message;
  const isBounded =
    method.length <= BHTTP_BOUNDS.method &&
    scheme.length <= BHTTP_BOUNDS.scheme &&
    authority.length <= BHTTP_BOUNDS.authority &&
    path.length <= BHTTP_BOUNDS.path;
  if (!isBounded || !isFieldName(method) || !isSchemeOrEmpty(scheme) || path === "") return undefined;
  if (![authority, path].every((text) => isTarget(text) && isByteLine(text))) return undefined;
  const writer = new BhttpWriter().integer(indicatorOf("request", framing));
  writer.text(method).text(scheme).text(authority).text(path);
  return writeBody(writer, message);
}

/** Writes a response. Undefined where it is over the bounds, or is none of HTTP. */
export function writeBhttpResponse(message: BhttpResponse): Buffer | undefined {
  const { status, informational, framing } = message;
  if (!(status >= 200 && status <= 599)) return undefined;
  const writer = new BhttpWriter().integer(indicatorOf("response", framing));
  for (const { status: interim, fields } of informational) {
    if (!(interim >= 100 && interim <= 199)) return undefined;
    if (!writeFieldSection(writer.integer(interim), fields, framing)) return undefined;
  }
  return writeBody(writer.integer(status), message);
}

function indicatorOf(kind: keyof typeof KINDS, framing: BhttpFraming): number {
  return KINDS[kind] + 2 * FRAMINGS.indexOf(framing);
}

function writeBody(writer: BhttpWriter, { fields, content, trailers, framing }: BhttpBody) {
  if (!writeFieldSection(writer, fields, framing)) return undefined;
  if (framing === "known" || content.byteLength > 0) writer.bytes(content);
  if (framing === "indeterminate") writer.integer(0);
  return writeFieldSection(writer, trailers, framing) ? writer.concat() : undefined;
}

/** Returns false where a field cannot be written. */
function writeFieldSection(writer: BhttpWriter, fields: FieldList, framing: BhttpFraming): boolean {
  const section = framing === "known" ? new BhttpWriter() : writer;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at]?.toLowerCase() ?? "";
    const value = fields[at + 1] ?? "";
    if (!isFieldName(name) || !isByteLine(value)) return false;
    if (name.length + value.length > BHTTP_BOUNDS.field) return false;
    section.text(name).text(value);
  }
  if (framing === "known") writer.bytes(section.concat());
  else writer.integer(0);
  return true;
}
