import type { ServerSocket } from "./server-socket.ts";
import { socketOf } from "./upgrade.ts";

/** Thrown by a handler that has no answer for the method. */
export class MethodNotAllowed {
  readonly allow: string;
  constructor(allow: string) {
    this.allow = allow;
  }
}

/** Thrown where the code has no handler for such a request. */
export class HandlerMissing {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export interface ResponseParts {
  status: number;
  headers: Iterable<readonly [string, string]>;
  body: ReadableStream<unknown> | null;
  /** The answer is this WebSocket. */
  socket: ServerSocket | undefined;
}

/**
 * The parts of a handler's answer; undefined where it is no response. A response of another library (undici, a framework's
 * own) has the same form. Throws where its body was read already.
 */
export function responseParts(value: unknown): ResponseParts | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { status, headers, body = null, bodyUsed } = value as Partial<Response>;
  if (typeof status !== "number" || typeof headers !== "object" || !(Symbol.iterator in headers))
    return undefined;
  if (body !== null && typeof body.getReader !== "function") return undefined;
  const socket = socketOf(value);
  if (bodyUsed === true || body?.locked === true)
    throw new TypeError("The body of the response was read already: return a new Response, or a clone");
  return { status, headers, body, socket };
}

export function describeValue(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  const kind = typeof value;
  return kind === "undefined" ? "undefined" : `${kind === "object" ? "an" : "a"} ${kind}`;
}
