/** The header block of a response on a socket, as its reader takes it: every byte of it may be a host's lie. */
import { BoundedMap } from "../bounded-map.ts";
import { FORBIDDEN_IN_HTTP, type ReadFields } from "./field-list.ts";
import { fieldName } from "./field-names.ts";

/** A block that was read. Others read it too: its fields stay as they are. */
export interface BlockFields extends Omit<ReadFields, "fields"> {
  readonly fields: readonly string[];
}

/** Upper bounds of the cache. Functions repeat their blocks; a block with a date or an id is read anew. */
const MAX_CACHED = 256;
const MAX_CACHED_LENGTH = 512;

/** A cache, not state: the same block is always read alike. */
const known = new BoundedMap<string, BlockFields>(MAX_CACHED);

/**
 * Reads a block `name\nvalue\n…`: names in canonical case, without the fields that do not travel, and without
 * `Content-Length` and `X-Request-Id`.
 */
export function readResponseBlock(block: string): BlockFields {
  const cached = known.get(block);
  if (cached !== undefined) return cached;
  const read = readBlock(block);
  if (block.length <= MAX_CACHED_LENGTH) known.set(block, read);
  return read;
}

/** The lines of a block: names and values alternating. */
export function linesOf(block: string): string[] {
  const lines = block.split("\n");
  // The last line has an end, too.
  lines.pop();
  return lines;
}

function readBlock(block: string): BlockFields {
  const lines = linesOf(block);
  let fields: string[] = [];
  let dropped = "";
  let announcedLength: string | undefined;
  let isValid = lines.length % 2 === 0 && (block === "" || block.endsWith("\n"));
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const { canonical, lower, kind } = fieldName(lines[at] ?? "");
    const value = lines[at + 1] ?? "";
    if (kind === "connection") dropped += `,${value}`;
    if (kind === "stays" || kind === "connection") continue;
    if (lower === "content-length") announcedLength ??= value;
    if (lower === "content-length" || lower === "x-request-id") continue;
    isValid &&= kind === "travels" && !FORBIDDEN_IN_HTTP.test(value);
    fields.push(canonical, value);
  }
  if (dropped !== "") fields = without(fields, dropped);
  return { fields, announcedLength, isValid };
}

/** `Connection` lists further fields of its connection. */
function without(fields: readonly string[], listed: string): string[] {
  const names = new Set(listed.split(",").map((name) => name.trim().toLowerCase()));
  return fields.filter((_, at) => !names.has((fields[at - (at % 2)] ?? "").toLowerCase()));
}
