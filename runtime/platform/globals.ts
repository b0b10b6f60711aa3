/**
 * Everything that the platform adds to an isolate's global object, by kind, as Web IDL installs them: interfaces and
 * namespaces are not enumerable, operations and attributes are.
 */
import { console } from "./console.ts";
import { crypto } from "./crypto.ts";
import { TextDecoder, TextEncoder } from "./encoding.ts";
import { Headers } from "./fetch/headers.ts";
import { Request } from "./fetch/request.ts";
import { Response } from "./fetch/response.ts";
import {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableStream,
  TransformStream,
  WritableStream,
} from "./streams.ts";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "./timers.ts";
import { URL, URLSearchParams } from "./url.ts";

const interfaces = {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  Headers,
  ReadableStream,
  Request,
  Response,
  TextDecoder,
  TextEncoder,
  TransformStream,
  URL,
  URLSearchParams,
  WritableStream,
  console,
};

const operations = {
  clearInterval,
  clearTimeout,
  queueMicrotask: (callback: () => void) => {
    // A rejection that nobody handles is how the host hears of what the callback throws.
    void Promise.resolve().then(() => callback());
  },
  setInterval,
  setTimeout,
};

const attributes = {
  crypto,
  self: globalThis,
};

export function installGlobals(): void {
  for (const [name, value] of Object.entries(interfaces)) define(name, value, false);
  for (const [name, value] of Object.entries({ ...operations, ...attributes })) define(name, value, true);
}

function define(name: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable });
}
