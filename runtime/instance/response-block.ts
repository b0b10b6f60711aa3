/** The header block of a response as it leaves: of user input, the fields that HTTP can carry from end to end. */
import { appendFields, BoundedMap, fieldName, isPlain, NO_FIELDS } from "../../contracts/index.ts";
import { fieldsOfBlock } from "./header-block.ts";

export interface ResponseBlock {
  /** `name\nvalue\n…` */
  readonly block: string;
  readonly contentType: string | undefined;
  readonly contentLength: string | undefined;
}

/** Upper bounds of the cached blocks: most answers of a function have the same. */
const MAX_CACHED = 64;
const MAX_CACHED_LENGTH = 512;

/** A cache, not state: a block is always read alike. */
const known = new BoundedMap<string, ResponseBlock>(MAX_CACHED);

/** Undefined where a field cannot be sent: the same fields are refused and left out as on NATS (`encodeReply`). */
export function readResponseBlock(block: string): ResponseBlock | undefined {
  const cached = known.get(block);
  if (cached !== undefined) return cached;
  const read = readPlain(block) ?? readAny(block);
  if (read !== undefined && block.length <= MAX_CACHED_LENGTH) known.set(block, read);
  return read;
}

/** A block that leaves as it is; undefined where it needs a closer look. */
function readPlain(block: string): ResponseBlock | undefined {
  const fields = fieldsOfBlock(block);
  // The last line is empty: the text behind the last line feed.
  if (fields.length % 2 === 0 || fields.at(-1) !== "") return undefined;
  let contentType: string | undefined;
  let contentLength: string | undefined;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? "";
    const value = fields[at + 1] ?? "";
    const { kind, lower } = fieldName(name);
    if (kind !== "travels" || name !== lower || lower === "cookie" || !isPlain(value)) return undefined;
    if (lower === "content-type") contentType ??= value;
    if (lower === "content-length") contentLength ??= value;
  }
  return { block, contentType, contentLength };
}

function readAny(block: string): ResponseBlock | undefined {
  const headers = new Map<string, string[]>();
  if (appendFields(headers, fieldsOfBlock(block), NO_FIELDS) === "refused") return undefined;
  let text = "";
  for (const [name, values] of headers)
    for (const value of values) text += `${fieldName(name).lower}\n${value}\n`;
  return {
    block: text,
    contentType: headers.get("Content-Type")?.[0],
    contentLength: headers.get("Content-Length")?.[0],
  };
}
