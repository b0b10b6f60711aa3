import { randomUuid } from "../crypto/random.ts";
import { encodeUtf8 } from "../encoding/encoding.ts";
import { type Blob, blobPieces, createBlob, type Piece } from "./blob.ts";
import type { FormDataEntry } from "./form-data.ts";

/**
 * A form as multipart/form-data (RFC 7578, in the form of the HTML standard), and the content type with its boundary. The
 * form is a blob: files are part of it by reference, its length is known, and it can be sent twice.
 */
export function serialiseMultipart(entries: readonly FormDataEntry[]): { blob: Blob; contentType: string } {
  const boundary = `----formdata-${randomUuid()}`;
  const pieces: Piece[] = [];
  let text = "";
  for (const [name, value] of entries) {
    text += `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(normaliseLines(name))}"`;
    if (typeof value === "string") text += `\r\n\r\n${normaliseLines(value)}\r\n`;
    else {
      const type = value.type || "application/octet-stream";
      text += `; filename="${escapeName(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`;
      pieces.push(encodeUtf8(text) as Piece, ...blobPieces(value));
      text = "\r\n";
    }
  }
  pieces.push(encodeUtf8(`${text}--${boundary}--\r\n`) as Piece);
  return { blob: createBlob(pieces, ""), contentType: `multipart/form-data; boundary=${boundary}` };
}

function normaliseLines(text: string): string {
  return text.replace(/\r\n?|\n/g, "\r\n");
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "%0A", "\r": "%0D", '"': "%22" };

function escapeName(name: string): string {
  return name.replace(/[\n\r"]/g, (character) => ESCAPES[character] ?? character);
}
