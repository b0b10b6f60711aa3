/**
 * The head of a request as one text: seven lines, and the header block behind them. It crosses from gateway to isolate as it
 * is, and is taken apart where a part is needed.
 */
import { isByteLine } from "./headers.ts";

export interface RequestHead {
  method: string;
  scheme: "http" | "https";
  /** Empty: the client names none. */
  host: string;
  /** The path as it was written, percent-encoding kept. */
  rawPath: string;
  /** Without the question mark. */
  query: string;
  /** Empty: none yet. */
  requestId: string;
  /** The other end of the connection. Empty: the request did not come over HTTP. */
  remoteAddress: string;
  /** `name\nvalue\n…`: names in lower case, values with one character a byte. */
  block: string;
}

/** The text of a head. No part but the block has a line feed: see `isHeadLine`. */
export function formatRequestHead(head: RequestHead): string {
  const { method, scheme, host, rawPath, query, requestId, remoteAddress, block } = head;
  return `${method}\n${scheme}\n${host}\n${rawPath}\n${query}\n${requestId}\n${remoteAddress}\n${block}`;
}

/** Whether a text can be a line of a head: it keeps to its line, and each of its characters is a byte. */
export const isHeadLine: (text: string) => boolean = isByteLine;

/** Reads a head; undefined where a line is missing. */
export function readRequestHead(text: string): RequestHead | undefined {
  const method = text.indexOf("\n");
  const scheme = text.indexOf("\n", method + 1);
  const host = text.indexOf("\n", scheme + 1);
  const path = text.indexOf("\n", host + 1);
  const query = text.indexOf("\n", path + 1);
  const id = text.indexOf("\n", query + 1);
  const address = text.indexOf("\n", id + 1);
  const isWhole = method > 0 && scheme > method && host > scheme && path > host && query > path;
  if (!isWhole || id <= query || address <= id) return undefined;
  return {
    method: text.slice(0, method),
    scheme: text.slice(method + 1, scheme) === "https" ? "https" : "http",
    host: text.slice(scheme + 1, host),
    rawPath: text.slice(host + 1, path),
    query: text.slice(path + 1, query),
    requestId: text.slice(query + 1, id),
    remoteAddress: text.slice(id + 1, address),
    block: text.slice(address + 1),
  };
}
