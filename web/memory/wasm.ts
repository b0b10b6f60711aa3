/**
 * `WebAssembly` is V8's own, except for its work in the background: an isolate's background tasks never run, so V8's
 * `compile` and `instantiate` would never settle. The functions here compile at once, under the CPU limit, and settle in the
 * order of the WebAssembly JavaScript Interface. The functions that take a response (WebAssembly Web API) are not part of
 * V8.
 *
 * I1  `WebAssembly` does not exist while the snapshot is made. The functions are installed when an isolate begins, before
 *     any user code.
 */

import { trimHttpWhitespace } from "../fetch/http-whitespace.ts";
import { Response } from "../fetch/response.ts";
import { isObject } from "../webidl/webidl.ts";

interface Native {
  Module: {
    new (bytes: unknown, options?: unknown): object;
    customSections(module: unknown, name: string): unknown;
  };
  Instance: new (module: object, imports?: unknown) => object;
}

/** V8's own classes, saved by `installWebAssembly` (I1). */
let native: Native;

const operations = {
  compile(bytes: unknown, ...rest: unknown[]): Promise<object> {
    return promiseOf(() => new native.Module(bytes, rest[0]));
  },

  instantiate(source: unknown, ...rest: unknown[]): Promise<object> {
    const [imports, options] = rest;
    return promiseOf(() => {
      requireImports(imports);
      if (isModule(source)) return new native.Instance(source, imports);
      return instantiateLater(new native.Module(source, options), imports);
    });
  },

  compileStreaming(source: unknown, ...rest: unknown[]): Promise<object> {
    return promiseOf(async () => new native.Module(await readWasm(source), rest[0]));
  },

  instantiateStreaming(source: unknown, ...rest: unknown[]): Promise<object> {
    const [imports, options] = rest;
    return promiseOf(async () => {
      requireImports(imports);
      return instantiateLater(new native.Module(await readWasm(source), options), imports);
    });
  },
};

/** Replaces the functions that would never settle. */
export function installWebAssembly(): void {
  const namespace = (globalThis as { WebAssembly?: object & Native }).WebAssembly;
  if (namespace === undefined) return;
  native = { Module: namespace.Module, Instance: namespace.Instance };
  for (const [name, value] of Object.entries(operations))
    Object.defineProperty(namespace, name, { value, writable: true, enumerable: true, configurable: true });
}

/** Errors of the arguments reject the promise as well. */
function promiseOf<T>(work: () => T | Promise<T>): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}

/** The imports of a newly compiled module are read after the caller's turn. */
async function instantiateLater(module: object, imports: unknown): Promise<object> {
  await undefined;
  return { module, instance: new native.Instance(module, imports) };
}

function requireImports(imports: unknown): void {
  if (imports !== undefined && !isObject(imports))
    throw new TypeError("WebAssembly.instantiate(): Argument 1 must be an object");
}

function isModule(value: unknown): value is object {
  // Only a module has sections. Its prototype may be forged.
  if (!isObject(value) || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return false;
  try {
    native.Module.customSections(value, "");
    return true;
  } catch {
    return false;
  }
}

/** The bytes of a response with the content type of WebAssembly. */
async function readWasm(source: unknown): Promise<ArrayBuffer> {
  const response = (await source) as Response & { arrayBuffer(): Promise<ArrayBuffer> };
  const headers = getterOf("headers").call(response) as Headers;
  const type = headers.get("content-type");
  if (type === null || trimHttpWhitespace(type).toLowerCase() !== "application/wasm")
    throw new TypeError(`The response's Content-Type is ${JSON.stringify(type)}, not application/wasm`);
  if (!getterOf("ok").call(response))
    throw new TypeError(`The response has status ${String(getterOf("status").call(response))}`);
  return response.arrayBuffer();
}

/** The getter of an attribute. It throws a TypeError for a value that is no response. */
function getterOf(name: "headers" | "ok" | "status"): (this: unknown) => unknown {
  return Object.getOwnPropertyDescriptor(Response.prototype, name)?.get ?? fail;
}

function fail(): never {
  throw new TypeError("not a response");
}
