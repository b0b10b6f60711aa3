// biome-ignore-all lint/complexity/noArguments: rest parameters would change the methods' length
/**
 * `Response` of the Fetch standard.
 *
 * I1  `new Response(text)` and `Response.json(value)` make no Headers object and no stream. Sending them makes none either.
 * I2  An untouched body from the host is handed back to the host unchanged.
 */

import { showFields } from "../console/inspection.ts";
import type { Blob } from "../file/blob.ts";
import type { ByteSource } from "../host/inbound-stream.ts";
import { URL } from "../url/url.ts";
import {
  asInterface,
  conversions,
  requireArguments,
  toByteString,
  toDictionary,
  toUSVString,
} from "../webidl/webidl.ts";
import { isWebSocket, type WebSocket } from "../websocket/websocket.ts";
import { Body, type Outgoing } from "./body.ts";
import { type BodyInit, extractBody } from "./body-init.ts";
import { type BodyMembers, defineBodyMixin } from "./body-mixin.ts";
import {
  addDefaultHeader,
  cloneHeaders,
  getHeader,
  Headers,
  type HeadersInit,
  headersFromBlock,
  headersToBlock,
  makeImmutable,
} from "./headers.ts";

export interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
  webSocket?: WebSocket | null;
}

type ResponseType = "default" | "basic" | "error";

/** The parts of an answer that the host needs. */
export interface ResponseParts {
  status: number;
  headerBlock: string;
  body: string | Uint8Array<ArrayBuffer> | ByteSource | undefined;
  /** Set for an answer that is a WebSocket. */
  webSocket: WebSocket | undefined;
}

/** The host's description of a fetched response. */
export interface HostResponse {
  status: number;
  statusText: string;
  headerBlock: string;
  /** The URL of the final response after redirects, without its fragment. */
  url: string;
  isRedirected: boolean;
  body: string | ArrayBuffer | Blob | ByteSource | undefined;
}

/**
 * Takes the parts for the host out of a response and uses its body. Undefined for a value that is no response. Throws for a
 * body that was already used, and for `Response.error()`.
 */
export let responseParts: (value: unknown) => ResponseParts | undefined;
/** The response of a `fetch`. */
export let createResponse: (parts: HostResponse) => Response;
let shownBody: (response: Response) => object | null;

const NULL_BODY_STATUS = new Set([101, 103, 204, 205, 304]);
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);
const REASON_PHRASE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Defined below, on the prototype. */
export interface Response extends BodyMembers {}

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: defineBodyMixin makes all of them
export class Response {
  #status = 200;
  #statusText = "";
  #type: ResponseType = "default";
  #url = "";
  #isRedirected = false;
  #headers: Headers | undefined;
  /** The content type that the body implies, until a Headers object exists. */
  #contentType: string | undefined;
  #body: Body | undefined;
  #webSocket: WebSocket | undefined;

  constructor(body: BodyInit | null | undefined = null, init: ResponseInit | undefined = undefined) {
    // All arguments are converted first, then the members of the init.
    const extracted = body === null || body === undefined ? undefined : extractBody(body);
    if (init !== undefined) this.#take(init);
    if (extracted !== undefined) this.#fill(extracted.body, extracted.contentType);
  }

  static error(): Response {
    const response = new Response();
    response.#type = "error";
    response.#status = 0;
    response.#headers = makeImmutable(new Headers());
    return response;
  }

  static json(data: unknown, init: ResponseInit | undefined = undefined): Response {
    requireArguments(arguments.length, 1, "Response.json");
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError("Response.json: the value has no JSON form.");
    const response = new Response(null, init);
    response.#fill(new Body(text), "application/json");
    return response;
  }

  static redirect(url: string, status: number = 302): Response {
    requireArguments(arguments.length, 1, "Response.redirect");
    const text = toUSVString(url);
    const code = conversions["unsigned short"](status);
    const location = URL.canParse(text) ? new URL(text).href : undefined;
    if (location === undefined)
      throw new TypeError(`Response.redirect: ${JSON.stringify(text)} is not an absolute URL.`);
    if (!REDIRECT_STATUS.has(code))
      throw new RangeError(`Response.redirect: ${code} is not the status of a redirect.`);
    const response = new Response();
    response.#status = code;
    response.#headers = headersFromBlock(`location\n${location}\n`, true);
    return response;
  }

  get type(): ResponseType {
    return this.#type;
  }

  get url(): string {
    return this.#url;
  }

  get redirected(): boolean {
    return this.#isRedirected;
  }

  get status(): number {
    return this.#status;
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299;
  }

  get statusText(): string {
    return this.#statusText;
  }

  /** The end for the client, if the answer is a WebSocket. */
  get webSocket(): WebSocket | null {
    return this.#webSocket ?? null;
  }

  get headers(): Headers {
    this.#headers ??= new Headers();
    if (this.#contentType !== undefined) addDefaultHeader(this.#headers, "content-type", this.#contentType);
    this.#contentType = undefined;
    return this.#headers;
  }

  clone(): Response {
    if (this.#webSocket !== undefined)
      throw new TypeError("Response.clone: a webSocket has one client only.");
    if (this.#body?.isUnusable) throw new TypeError("Response.clone: the body has been read, or is locked.");
    const copy = new Response();
    copy.#status = this.#status;
    copy.#statusText = this.#statusText;
    copy.#type = this.#type;
    copy.#url = this.#url;
    copy.#isRedirected = this.#isRedirected;
    copy.#headers = this.#headers && cloneHeaders(this.#headers);
    copy.#contentType = this.#contentType;
    copy.#body = this.#body?.clone();
    return copy;
  }

  /** The members of a dictionary are read in lexicographical order. */
  #take(init: ResponseInit): void {
    const { headers, status, statusText, webSocket } = toDictionary(init, "Response: the init");
    const fields = headers === undefined ? undefined : new Headers(headers as HeadersInit);
    const code = status === undefined ? 200 : conversions["unsigned short"](status);
    const phrase = statusText === undefined ? "" : toByteString(statusText, "Response: statusText");
    if (webSocket !== undefined && webSocket !== null) {
      this.#upgrade(webSocket, code, fields);
      return;
    }
    if (code === 101) throw new RangeError("Response: the status 101 needs `webSocket` in the init.");
    if (code < 200 || code > 599) throw new RangeError(`Response: ${code} is not a status from 200 to 599.`);
    if (!REASON_PHRASE.test(phrase)) throw new TypeError("Response: statusText is not a reason phrase.");
    this.#headers = fields;
    this.#status = code;
    this.#statusText = phrase;
  }

  /** An answer that is a WebSocket. The standard has none; worker platforms have this form in common. */
  #upgrade(socket: unknown, status: number, headers: Headers | undefined): void {
    if (!isWebSocket(socket)) throw new TypeError("Response: webSocket is not a WebSocket.");
    if (status !== 101) throw new RangeError("Response: an answer with a webSocket has the status 101.");
    this.#webSocket = socket;
    this.#headers = headers;
    this.#status = status;
  }

  #fill(body: Body, contentType: string | undefined): void {
    if (NULL_BODY_STATUS.has(this.#status))
      throw new TypeError(`Response: a response of status ${this.#status} has no body.`);
    this.#body = body;
    this.#contentType = contentType;
  }

  static {
    responseParts = (value) => {
      if (typeof value !== "object" || value === null || !(#status in value)) return undefined;
      const response = value as Response;
      if (response.#type === "error")
        throw new TypeError(
          "Response.error() stands for an answer that did not come: it cannot be given as one",
        );
      const outgoing = response.#body?.send();
      return {
        status: response.#status,
        headerBlock: response.#headerBlock(outgoing),
        body: outgoing?.content,
        webSocket: response.#webSocket,
      };
    };
    createResponse = ({ status, statusText, headerBlock, url, isRedirected, body }) => {
      const response = new Response();
      response.#type = "basic";
      response.#status = status;
      response.#statusText = statusText;
      response.#headers = headersFromBlock(headerBlock, true);
      response.#url = url;
      response.#isRedirected = isRedirected;
      if (body !== undefined)
        response.#body = new Body(body instanceof ArrayBuffer ? new Uint8Array(body) : body);
      return response;
    };
    shownBody = (response) => response.#body?.shown ?? null;
    defineBodyMixin(Response, {
      bodyOf: (response) => response.#body,
      contentTypeOf: (response) => {
        const own = response.#headers && getHeader(response.#headers, "content-type");
        return own ?? response.#contentType ?? null;
      },
    });
  }

  /** The header block, made without a Headers object if there is none (I1). The host knows the length of a whole body. */
  #headerBlock(outgoing: Outgoing | undefined): string {
    const isStream = outgoing !== undefined && isByteSource(outgoing.content);
    if (isStream && outgoing.length !== undefined)
      addDefaultHeader(this.headers, "content-length", `${outgoing.length}`);
    if (this.#headers !== undefined) return headersToBlock(this.headers);
    return this.#contentType === undefined ? "" : `content-type\n${this.#contentType}\n`;
  }
}

asInterface("Response", Response);
showFields(
  Response,
  "Response",
  (response) => ({
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
    body: shownBody(response),
    bodyUsed: response.bodyUsed,
    ok: response.ok,
    redirected: response.redirected,
    type: response.type,
    url: response.url,
  }),
  { isAlwaysWhole: true },
);

function isByteSource(content: Outgoing["content"]): content is ByteSource {
  return typeof content !== "string" && !(content instanceof Uint8Array);
}
