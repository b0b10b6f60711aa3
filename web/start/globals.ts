/**
 * All additions of the platform to an isolate's global object, by kind, as Web IDL installs them: interfaces and namespaces
 * are not enumerable, operations and attributes are.
 */
import "../cloning/shared-clones.ts";
import { refuseCloning } from "../cloning/clone-rules.ts";
import { structuredClone } from "../cloning/structured-clone.ts";
import { CompressionStream, DecompressionStream } from "../compression/compression-streams.ts";
import { console } from "../console/console.ts";
import { RememberingProxy } from "../console/proxies.ts";
import { Crypto, crypto } from "../crypto/crypto.ts";
import { CryptoKey } from "../crypto/crypto-key.ts";
import { SubtleCrypto } from "../crypto/subtle-crypto.ts";
import { makeGlobalEventTarget } from "../dom/global-scope.ts";
import { domAttributes, domInterfaces, domOperations } from "../dom/interfaces.ts";
import { atob, btoa } from "../encoding/base64.ts";
import { TextDecoder, TextEncoder } from "../encoding/encoding.ts";
import { TextDecoderStream, TextEncoderStream } from "../encoding/encoding-streams.ts";
import { fetch } from "../fetch/fetch.ts";
import { Headers } from "../fetch/headers.ts";
import { Request } from "../fetch/request.ts";
import { Response } from "../fetch/response.ts";
import { Blob } from "../file/blob.ts";
import { File } from "../file/file.ts";
import { FormData } from "../file/form-data.ts";
import { finalizationInterfaces } from "../memory/finalization.ts";
import { Performance, performance } from "../performance/performance.ts";
import { PerformanceEntry, PerformanceMark, PerformanceMeasure } from "../performance/performance-entries.ts";
import { PerformanceObserver, PerformanceObserverEntryList } from "../performance/performance-observer.ts";
import { streamInterfaces } from "../streams/streams.ts";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "./timers.ts";
import "../streams/transferable-streams.ts";
import { URLPattern } from "../url/pattern/urlpattern.ts";
import { URL, URLSearchParams } from "../url/url.ts";
import { WebSocket, WebSocketPair } from "../websocket/websocket.ts";

const interfaces = {
  Crypto,
  CryptoKey,
  SubtleCrypto,
  ...domInterfaces,
  ...streamInterfaces,
  ...finalizationInterfaces,
  CompressionStream,
  DecompressionStream,
  Blob,
  File,
  FormData,
  Headers,
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceObserver,
  PerformanceObserverEntryList,
  Proxy: RememberingProxy,
  Request,
  Response,
  TextDecoder,
  TextDecoderStream,
  TextEncoder,
  TextEncoderStream,
  URL,
  URLPattern,
  URLSearchParams,
  WebSocket,
  WebSocketPair,
  console,
};

const operations = {
  atob,
  btoa,
  ...domOperations,
  structuredClone,
  clearInterval,
  clearTimeout,
  fetch,
  setInterval,
  setTimeout,
};

const attributes = {
  ...domAttributes,
  performance,
  crypto,
  self: globalThis,
};

export function installGlobals(): void {
  makeGlobalEventTarget();
  for (const [name, value] of Object.entries(interfaces)) {
    define(name, value, false);
    if (typeof value === "function" && value.prototype !== undefined) refuseCloning(value.prototype);
  }
  for (const [name, value] of Object.entries({ ...operations, ...attributes })) define(name, value, true);
}

function define(name: string, value: unknown, enumerable: boolean): void {
  // The bundler renames a class or a function if two files have one of the same name.
  if (typeof value === "function") Object.defineProperty(value, "name", { value: name, configurable: true });
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable });
}
