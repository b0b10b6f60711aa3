import type { z } from "zod";

/** Upper bounds of a JSON text that comes from NATS. They are held before it is parsed, so that no text is expensive. */
const MAX_CHARACTERS = 1024 * 1024;
const MAX_DEPTH = 64;
/** Upper bound of its values, keys not counted. A node that runs 4,000 instances writes 16,000. */
const MAX_VALUES = 40_000;

/** Parses a JSON text by a schema. Undefined where it does not fit: any client may publish on most subjects. */
export function parseJson<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(readJson(text)).data;
  } catch {
    // The text is no JSON, or over a bound.
    return undefined;
  }
}

/** Parses a JSON text. Throws where it is no JSON, or over a bound, which the message names. */
export function readJson(text: string): unknown {
  if (text.length > MAX_CHARACTERS)
    throw new RangeError(`it has ${text.length} characters; at most ${MAX_CHARACTERS} are read`);
  const { depth, values } = measure(text);
  if (depth > MAX_DEPTH) throw new RangeError(`it is nested more than ${MAX_DEPTH} deep`);
  if (values > MAX_VALUES) throw new RangeError(`it has more than ${MAX_VALUES} values`);
  return JSON.parse(text);
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_MAP, CLOSE_MAP] = [0x5b, 0x5d, 0x7b, 0x7d];

/** The depth of a text, and an upper bound of its values: one for each bracket and each comma. */
function measure(text: string): { depth: number; values: number } {
  let [depth, deepest, values] = [0, 0, 1];
  let isString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isString) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) isString = false;
    } else if (code === QUOTE) isString = true;
    else if (code === COMMA) values += 1;
    else if (code === OPEN_LIST || code === OPEN_MAP) {
      depth += 1;
      values += 1;
      deepest = Math.max(deepest, depth);
    } else if (code === CLOSE_LIST || code === CLOSE_MAP) depth -= 1;
  }
  return { depth: deepest, values };
}
