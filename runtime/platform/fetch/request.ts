import type { Inbound } from "../inbound.ts";
import { inboundStream } from "../inbound-stream.ts";
import { Body, type BodyContent, type BodyInit, extractBody, peekBody } from "./body.ts";
import { Headers, type HeadersInit, headersFromBlock, headersToBlock } from "./headers.ts";

export interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit;
}

const NORMALISED = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);
const FORBIDDEN = new Set(["CONNECT", "TRACE", "TRACK"]);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The parts of a request that came from the host, already checked there. */
interface Incoming {
  method: string;
  url: string;
  headerBlock: string;
}

/** Lets the platform build a request from trusted parts through the one public constructor. */
const INCOMING = Symbol("incoming");

let isRequest: (value: unknown) => value is Request;

/** `Request` of the Fetch standard. */
export class Request extends Body {
  #method: string;
  #url: string;
  #headers: Headers;

  constructor(input: unknown, init: RequestInit = {}, brand?: symbol) {
    if (brand === INCOMING) {
      const { method, url, headerBlock } = input as Incoming;
      super(init.body as BodyContent | undefined);
      this.#method = method;
      this.#url = url;
      this.#headers = headersFromBlock(headerBlock);
      return;
    }
    const source = isRequest(input) ? input : undefined;
    const method = normalMethod(init.method ?? source?.method ?? "GET");
    const extracted = extractBody(init.body);
    if (extracted !== undefined && (method === "GET" || method === "HEAD")) {
      throw new TypeError(`A ${method} request cannot have a body`);
    }
    const inherited = source === undefined ? undefined : peekBody(source);
    super(extracted?.content ?? inherited);
    this.#method = method;
    this.#url = source?.url ?? parseUrl(input);
    this.#headers = new Headers(init.headers ?? source?.headers);
    if (extracted?.contentType !== undefined && !this.#headers.has("content-type")) {
      this.#headers.set("content-type", extracted.contentType);
    }
  }

  get method(): string {
    return this.#method;
  }

  get url(): string {
    return this.#url;
  }

  get headers(): Headers {
    return this.#headers;
  }

  clone(): Request {
    const body = peekBody(this);
    return new Request(
      { method: this.#method, url: this.#url, headerBlock: headersToBlock(this.#headers) },
      { body: body as BodyInit },
      INCOMING,
    );
  }

  get [Symbol.toStringTag](): string {
    return "Request";
  }

  static {
    isRequest = (value: unknown): value is Request =>
      typeof value === "object" && value !== null && #method in value;
  }
}

export function createRequest(
  method: string,
  url: string,
  headerBlock: string,
  body: ArrayBuffer | Inbound | undefined,
): Request {
  const content =
    body instanceof ArrayBuffer ? new Uint8Array(body) : body === undefined ? undefined : inboundStream(body);
  return new Request({ method, url, headerBlock }, { body: content as BodyInit }, INCOMING);
}

function normalMethod(method: unknown): string {
  const text = `${method}`;
  const upper = text.toUpperCase();
  if (!TOKEN.test(text) || FORBIDDEN.has(upper))
    throw new TypeError(`Invalid method: ${JSON.stringify(text)}`);
  return NORMALISED.has(upper) ? upper : text;
}

function parseUrl(input: unknown): string {
  const url = new URL(`${input}`);
  if (url.username !== "" || url.password !== "") throw new TypeError("A request URL cannot carry a login");
  return url.href;
}
