/**
 * Parses a whole body of multipart/form-data (RFC 7578; Fetch, "multipart/form-data parser"). A malformed body is refused
 * entirely: a form with half of its fields would look like a form that was filled in that way.
 */
import { decodeUtf8, encodeUtf8, TextDecoder } from "../encoding/encoding.ts";
import { trimHttpWhitespace } from "../fetch/http-whitespace.ts";
import { createByteSearch } from "./byte-search.ts";
import { createFile } from "./file.ts";
import type { FormDataEntry } from "./form-data.ts";
import { extractMimeType } from "./mime-type.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const [TAB, LF, CR, SPACE, DASH] = [0x09, 0x0a, 0x0d, 0x20, 0x2d];

/** The entries of a form. Files share the memory of `body`, which must not be written to afterwards. */
export function parseMultipart(body: Bytes, boundary: string | undefined): FormDataEntry[] {
  if (!boundary) throw malformed("its content type names no boundary");
  const findDelimiter = createByteSearch(encodeUtf8(`\r\n--${boundary}`));
  const delimiterBytes = encodeUtf8(boundary).byteLength + 2;
  const entries: FormDataEntry[] = [];
  // A preamble is skipped (RFC 2046, section 5.1.1). Some clients begin with an empty line.
  const first = createByteSearch(encodeUtf8(`--${boundary}`))(body, 0);
  if (first === -1) throw malformed("its boundary is not in it");
  let at = first + delimiterBytes;
  for (;;) {
    const isLast = body[at] === DASH && body[at + 1] === DASH;
    if (isLast) at += 2;
    while (body[at] === SPACE || body[at] === TAB) at += 1;
    if (isLast && at === body.byteLength) return entries;
    if (body[at] !== CR || body[at + 1] !== LF) throw malformed("a boundary is followed by something else");
    if (isLast) return entries;
    const { headers, end: start } = readHeaders(body, at + 2);
    const end = findDelimiter(body, start);
    if (end === -1) throw malformed("its last part has no end");
    entries.push(toEntry(headers, body.subarray(start, end)));
    at = end + 2 + delimiterBytes;
  }
}

interface PartHeaders {
  disposition?: string;
  contentType?: string;
}

/** The header lines of a part, up to the empty line that ends them. */
function readHeaders(body: Bytes, from: number): { headers: PartHeaders; end: number } {
  const headers: PartHeaders = {};
  let start = from;
  for (;;) {
    const end = endOfLine(body, start);
    const line = decodeUtf8(body.subarray(start, end));
    start = end + 2;
    if (line === "") return { headers, end: start };
    const found = HEADER_LINE.exec(line);
    if (found === null) throw malformed(`${JSON.stringify(line.slice(0, 100))} is no header`);
    const name = found[1] ?? "";
    const value = trimHttpWhitespace(found[2] ?? "");
    if (/^content-disposition$/i.test(name)) headers.disposition = value;
    else if (/^content-type$/i.test(name))
      headers.contentType = headers.contentType === undefined ? value : `${headers.contentType}, ${value}`;
  }
}

const HEADER_LINE = /^[\t ]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[\t ]*:([^\0]*)$/;

/** Lines end with CR LF. A CR or LF alone is malformed. */
function endOfLine(body: Bytes, from: number): number {
  for (let at = from; at < body.byteLength; at += 1) {
    if (body[at] === CR && body[at + 1] === LF) return at;
    if (body[at] === CR || body[at] === LF) break;
  }
  throw malformed("a header has no end");
}

function toEntry({ disposition, contentType }: PartHeaders, content: Bytes): FormDataEntry {
  const parameters = disposition === undefined ? undefined : parseDisposition(disposition);
  const name = parameters && parameterOf(parameters, "name");
  if (parameters === undefined || name === undefined) throw malformed("a part has no name");
  const filename = parameterOf(parameters, "filename");
  if (filename === undefined) return [name, new TextDecoder("utf-8", { ignoreBOM: true }).decode(content)];
  const type = contentType === undefined ? "text/plain" : (extractMimeType(contentType)?.toString() ?? "");
  return [name, createFile([content], filename, type, 0)];
}

/**
 * The parameters of `form-data; name="a"; filename="b"`, as written. Undefined for another disposition. Some clients write
 * \" for a quote: a quote after a backslash ends the value only at a place where the value can end.
 */
function parseDisposition(text: string): Map<string, string> | undefined {
  const [kind = ""] = text.split(";", 1);
  if (!/^form-data[\t ]*$/i.test(kind)) return undefined;
  const parameters = new Map<string, string>();
  let at = kind.length;
  while (at < text.length) {
    PARAMETER.lastIndex = at;
    const found = PARAMETER.exec(text);
    if (found === null) return undefined;
    const [whole, name = "", quoted, plain = ""] = found;
    const key = name.toLowerCase();
    if (name !== "" && !parameters.has(key)) parameters.set(key, quoted?.replaceAll('\\"', '"') ?? plain);
    at += whole.length;
  }
  return parameters;
}

const PARAMETER =
  /;[\t ]*(?:([^\t ;="]+)[\t ]*=[\t ]*(?:"((?:[^"]|(?<=\\)"(?![\t ]*(?:;|$)))*)"|([^\t ;"]*)))?[\t ]*(?=;|$)/y;

/** A parameter as text. The extended form has precedence, the other form is its substitute (RFC 6266). */
function parameterOf(parameters: ReadonlyMap<string, string>, name: string): string | undefined {
  return decodeExtended(parameters.get(`${name}*`)) ?? parameters.get(name)?.replace(ESCAPE, unescapeOne);
}

/** The escapes of the HTML standard: quotes and line ends. A percent sign has no escape, so `%41` stands for itself. */
const ESCAPE = /%(?:22|0[ad])/gi;

function unescapeOne(escaped: string): string {
  return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
}

/** `UTF-8''na%20me` (RFC 8187). RFC 7578 forbids it in forms, but older clients send it. */
function decodeExtended(value: string | undefined): string | undefined {
  const encoded = /^utf-8'[^']*'(.*)$/i.exec(value ?? "")?.[1];
  try {
    return encoded === undefined ? undefined : decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

function malformed(why: string): TypeError {
  return new TypeError(`The body is not multipart/form-data: ${why}`);
}
