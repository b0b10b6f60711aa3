/** Fields of HTTP to the header fields of a message, and back. Both directions leave out fields that do not travel. */
import { fieldName } from "./field-names.ts";
import { fromWireValue, isAsciiValue, toWireValue } from "./header-bytes.ts";
import { headerNames } from "./header-names.ts";
import { appendHeader, type Headers, isByteLine } from "./headers.ts";

/**
 * Header fields of HTTP: names and values alternating, one character a byte. Node hands fields over in this form, and a
 * block of the isolate is such a list with line feeds between.
 */
export type FieldList = readonly string[];

/** No fields: to leave none out. */
export const NO_FIELDS: ReadonlySet<string> = new Set();

/** `; ` parts cookies in one line; no comma joins them (RFC 6265, section 5.4). */
export const COOKIE_SEPARATOR = "; ";

const NOT_PLAIN = /[^\t\u0020-\u007e]/;

/** Whether a value has only tabs, spaces and visible ASCII. Such a value is valid, and the same on both sides. */
export function isPlain(value: string): boolean {
  return !NOT_PLAIN.test(value);
}

/** Bytes beyond a tab, visible ASCII, a space and 0x80 to 0xff (RFC 9110, section 5.5). */
export const FORBIDDEN_IN_HTTP = /[^\t\u0020-\u007e\u0080-\u00ff]/;

/** `bytes`: a value is not plain ASCII, and `encodeValues` has to follow. `refused`: a field cannot be sent. */
export type Appended = "plain" | "bytes" | "refused";

/**
 * Appends fields to the headers of a message, in canonical case. `omitted`: lower-case names of fields that are left out.
 */
export function appendFields(headers: Headers, fields: FieldList, omitted: ReadonlySet<string>): Appended {
  let appended: Appended = "plain";
  let connection = "";
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const { canonical, lower, kind } = fieldName(fields[at] ?? "");
    const value = fields[at + 1] ?? "";
    if (kind === "invalid") return "refused";
    if (kind === "connection") connection += `,${value}`;
    if (kind !== "travels" || omitted.has(lower)) continue;
    if (!isPlain(value)) {
      if (!isByteLine(value)) return "refused";
      appended = "bytes";
    }
    appendHeader(headers, canonical, value);
  }
  // The lines of `Cookie` are one, as servers expect it (RFC 9113, section 8.2.3).
  const cookies = headers.get("Cookie");
  if (cookies !== undefined && cookies.length > 1) headers.set("Cookie", [cookies.join(COOKIE_SEPARATOR)]);
  if (connection !== "") dropNamed(headers, connection);
  return appended;
}

/** `Connection` lists further fields of its connection. The usual values name none: `keep-alive`, `close`. */
function dropNamed(headers: Headers, connection: string): void {
  for (const name of connection.split(",")) {
    const { canonical, kind } = fieldName(name.trim());
    if (kind === "travels") headers.delete(canonical);
  }
}

/**
 * Turns bytes into text, in place. A field is read as ISO-8859-1 as a whole, as `Narun-Latin1` names fields and not values.
 */
export function encodeValues(headers: Headers): void {
  let latin1Names: string[] | undefined;
  for (const [name, values] of headers) {
    if (values.every(isAsciiValue)) continue;
    const wires = values.map(toWireValue);
    if (wires.some(({ isLatin1 }) => isLatin1)) {
      latin1Names ??= [];
      latin1Names.push(name);
    } else {
      headers.set(
        name,
        wires.map(({ value }) => value),
      );
    }
  }
  if (latin1Names !== undefined) headers.set(headerNames.latin1, [latin1Names.join(",")]);
}

/** How fields are read out of a message. */
export interface FieldReading {
  /** Names in lower case, or exactly as they were sent. */
  names: "lower" | "as-sent";
  /** Lower-case names of fields that are left out. */
  omitted: ReadonlySet<string>;
}

export interface ReadFields {
  fields: string[];
  /** The value of `Content-Length`, also where it is left out. */
  announcedLength: string | undefined;
  /** Whether HTTP can carry all of them. */
  isValid: boolean;
}

/** The fields of a message that are its sender's own, as HTTP has them. */
export function readFields(headers: Headers, { names, omitted }: FieldReading): ReadFields {
  const fields: string[] = [];
  const latin1 = namesIn(headers, headerNames.latin1);
  const dropped = namesIn(headers, "Connection");
  let announcedLength: string | undefined;
  let isValid = true;
  for (const [name, values] of headers) {
    const { lower, kind } = fieldName(name);
    if (kind === "stays" || kind === "connection") continue;
    if (lower === "content-length") announcedLength = values[0];
    if (omitted.has(lower) || dropped.has(lower)) continue;
    if (kind === "invalid") isValid = false;
    const written = names === "lower" ? lower : name;
    const isCookie = lower === "cookie" && values.length > 1;
    for (const value of isCookie ? [values.join(COOKIE_SEPARATOR)] : values) {
      if (isPlain(value)) {
        fields.push(written, value);
        continue;
      }
      const bytes = fromWireValue(value, latin1.has(lower));
      isValid &&= !FORBIDDEN_IN_HTTP.test(bytes);
      fields.push(written, bytes);
    }
  }
  return { fields, announcedLength, isValid };
}

/** The lower-case names that a field lists, comma-separated. */
function namesIn(headers: Headers, name: string): ReadonlySet<string> {
  const values = headers.get(name);
  if (values === undefined) return NO_FIELDS;
  return new Set(values.flatMap((value) => value.split(",").map((listed) => listed.trim().toLowerCase())));
}
