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
const COLON = 58;
const LAST_OF_ASCII = 126;
const INVALID_IN_NAME = /[^!-9;-~]/;
const LINE_BREAK = /[\r\n]/;

/**
 * A name that was found valid. Blocks of one kind have their names in one order: the next name is compared with the one that
 * followed last, and need be neither cut out nor hashed then.
 */
interface Name {
  readonly text: string;
  next: Name | undefined;
}

/** A cache, not state: the same block is always read alike. */
const names = new Map<string, Name>();
/** Upper bound of the cache: other clients choose the names. */
const MAX_CACHED_NAMES = 1_000;
/** Stands before the first name of a block. */
const START: Name = { text: "", next: undefined };

/**
 * Reads the block that begins at `from` and goes to the end of `bytes`, which has a character a byte. Undefined where it cannot
 * be read: a name has a character that is not visible ASCII, or a value has a part of a line end.
 */
export function readHeaderBlock(bytes: string, from: number): HeaderBlock | undefined {
  // A text that was not cut out of another one is read faster.
  if (Buffer.byteLength(bytes) === bytes.length) return readText(bytes, from);
  return readText(textOf(bytes.slice(from)), 0);
}

function readText(text: string, from: number): HeaderBlock | undefined {
  const headers: Headers = new Map();
  let lineTo = endOfLine(text, from);
  const hasNoStatus = lineTo === from + VERSION.length && text.startsWith(VERSION, from);
  const status = hasNoStatus ? 0 : statusOf(text.slice(from, lineTo));
  let before = START;
  while (lineTo < text.length) {
    const at = lineTo + 2;
    const firstBreak = text.indexOf("\r", at);
    lineTo = firstBreak !== -1 && text.charCodeAt(firstBreak + 1) === LF ? firstBreak : endOfLine(text, at);
    let name = before.next;
    let colon = name === undefined ? -1 : at + name.text.length;
    if (name === undefined || text.charCodeAt(colon) !== COLON || !text.startsWith(name.text, at)) {
      colon = text.indexOf(":", at);
      // The rest has no field.
      if (colon === -1) break;
      if (colon >= lineTo) continue;
      name = nameOf(text.slice(at, colon));
      if (name === undefined) return undefined;
      before.next = name;
    }
    const value = trimmed(text, colon + 1, lineTo);
    const isOneLine = firstBreak === lineTo && text.indexOf("\n", at) === lineTo + 1;
    if (!isOneLine && LINE_BREAK.test(value)) return undefined;
    const values = headers.get(name.text);
    if (values === undefined) headers.set(name.text, [value]);
    else values.push(value);
    before = name;
  }
  return { status, headers };
}

/** The end of a line; the end of the text where it has none. */
function endOfLine(text: string, from: number): number {
  let at = text.indexOf("\r", from);
  while (at !== -1 && text.charCodeAt(at + 1) !== LF) at = text.indexOf("\r", at + 1);
  return at === -1 ? text.length : at;
}

/** Undefined where the name is not valid. */
function nameOf(text: string): Name | undefined {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (INVALID_IN_NAME.test(text)) return undefined;
  // A copy: a part of a text keeps the whole text.
  const name: Name = { text: Buffer.from(text, "latin1").toString("latin1"), next: undefined };
  if (names.size < MAX_CACHED_NAMES) names.set(name.text, name);
  return name;
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
