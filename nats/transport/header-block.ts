/**
 * Reads the header block of a message. The client library reads one with the same result, but for the cost: it compares
 * each name with all earlier ones, and makes a list of them for that.
 */
import type { Headers } from "../headers.ts";
import { textOf } from "./byte-text.ts";

export interface HeaderBlock {
  /** NATS' own status; 0 where the block has none. */
  readonly status: number;
  readonly headers: Headers;
}

const VERSION = "NATS/1.0";
const SPACE = 32;
const LF = 10;
const LAST_OF_ASCII = 126;
/** Names that were found valid. A cache, not state: the same name is always read alike. */
const valid = new Set<string>();
/** Upper bound of the cache: other clients choose the names. */
const MAX_CACHED_NAMES = 1_000;
const INVALID_IN_NAME = /[^!-9;-~]/;
const LINE_BREAK = /[\r\n]/;

/**
 * `block`: its bytes, a character a byte. Undefined where it cannot be read: a name has a character that is not visible
 * ASCII, or a value has a part of a line end.
 */
export function readHeaderBlock(block: string): HeaderBlock | undefined {
  const text = textOf(block);
  const headers: Headers = new Map();
  let lineTo = endOfLine(text, 0);
  const status = lineTo === VERSION.length && text.startsWith(VERSION) ? 0 : statusOf(text.slice(0, lineTo));
  while (lineTo < text.length) {
    const at = lineTo + 2;
    lineTo = endOfLine(text, at);
    const colon = text.indexOf(":", at);
    // The rest has no field.
    if (colon === -1) break;
    if (colon >= lineTo) continue;
    const name = text.slice(at, colon);
    const value = trimmed(text, colon + 1, lineTo);
    if (!isValidName(name) || LINE_BREAK.test(value)) return undefined;
    const values = headers.get(name);
    if (values === undefined) headers.set(name, [value]);
    else values.push(value);
  }
  return { status, headers };
}

function endOfLine(text: string, from: number): number {
  let at = text.indexOf("\r", from);
  while (at !== -1 && text.charCodeAt(at + 1) !== LF) at = text.indexOf("\r", at + 1);
  return at === -1 ? text.length : at;
}

function statusOf(line: string): number {
  const status = Number.parseInt(line.replace(VERSION, "").trim(), 10);
  return Number.isNaN(status) ? 0 : status;
}

function trimmed(text: string, from: number, to: number): string {
  const value = text.slice(text.charCodeAt(from) === SPACE ? from + 1 : from, to);
  return isVisible(value.charCodeAt(0)) && isVisible(value.charCodeAt(value.length - 1))
    ? value
    : value.trim();
}

function isVisible(code: number): boolean {
  return code > SPACE && code <= LAST_OF_ASCII;
}

function isValidName(name: string): boolean {
  if (valid.has(name)) return true;
  if (INVALID_IN_NAME.test(name)) return false;
  if (valid.size < MAX_CACHED_NAMES) valid.add(name);
  return true;
}
