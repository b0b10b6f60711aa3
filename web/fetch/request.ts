// biome-ignore-all lint/complexity/noArguments: rest parameters would change the constructor's length
/**
 * `Request` of the Fetch standard.
 *
 * I1  A request from the host is a few strings. Headers, signal and stream are made at the first use.
 * I2  An untouched body from the host is passed on unchanged.
 */

import { showFields } from "../console/inspection.ts";
import { type AbortSignal, createAbortSignal, createDependentSignal } from "../dom/abort.ts";
import type { Blob } from "../file/blob.ts";
import { blobOfUrl } from "../file/blob-url.ts";
import type { ByteSource } from "../host/inbound-stream.ts";
import { asInterface, requireArguments, toUSVString } from "../webidl/webidl.ts";
import { Body, type Outgoing } from "./body.ts";
import { extractBody, isStreamInit } from "./body-init.ts";
import { type BodyMembers, defineBodyMixin } from "./body-mixin.ts";
import {
  addDefaultHeader,
  cloneHeaders,
  getHeader,
  type Headers,
  headersFromBlock,
  headersToBlock,
  mutableCopy,
} from "./headers.ts";
import {
  type ConvertedInit,
  convertInit,
  DEFAULT_SETTINGS,
  normalMethod,
  parseRequestUrl,
  type RequestInit,
  type RequestSettings,
} from "./request-init.ts";

export type { RequestInit } from "./request-init.ts";

/** The parts of a request that the host needs to send it. */
export interface RequestParts extends RequestSettings {
  readonly method: string;
  /** With its fragment. */
  readonly url: string;
  readonly headerBlock: string;
  readonly body: Outgoing | undefined;
  /** The blob of a `blob:` URL at the time when the request was made. */
  readonly blob: Blob | undefined;
  /** The signal that may abort it. Undefined if no signal can. */
  readonly signal: AbortSignal | undefined;
}

let isRequest: (value: unknown) => value is Request;
/** Takes the parts for the host out of a request and uses its body. Throws if the body was already used. */
export let requestParts: (request: Request) => RequestParts;
/**
 * The incoming request, made of parts that the host has checked. It is sent on unchanged, redirects included. Its headers
 * are immutable (Fetch, requests that a worker answers).
 */
export let createRequest: (
  method: string,
  url: string,
  headerBlock: string,
  body: string | ArrayBuffer | ByteSource | undefined,
  signalSource?: Omit<SignalSource, "isFollowed">,
) => Request;

/** Makes a signal on demand. */
interface SignalSource {
  get(): AbortSignal;
  /** Default: the signal is the request's own. */
  readonly isFollowed?: boolean;
}

const INCOMING_SETTINGS: RequestSettings = { ...DEFAULT_SETTINGS, redirect: "manual" };
/** The key with which the platform makes a request of trusted parts. */
const INCOMING = Symbol("incoming");

/** Defined below, on the prototype. */
export interface Request extends BodyMembers {}

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: defineBodyMixin makes all of them
export class Request {
  #method = "GET";
  #url = "";
  /** The header block from the host, or of the body's type, until the headers are read. */
  #headerBlock = "";
  #isIncoming = false;
  #headers: Headers | undefined;
  #body: Body | undefined;
  #settings = INCOMING_SETTINGS;
  #signalSource: SignalSource | undefined;
  #signal: AbortSignal | undefined;
  #blob: Blob | undefined;

  constructor(input: string | object, init: RequestInit | Request | undefined = undefined) {
    if ((input as unknown) === INCOMING) return;
    requireArguments(arguments.length, 1, "Request constructor");
    const source = isRequest(input) ? input : undefined;
    const text = source === undefined ? toUSVString(input, "Request: the URL") : "";
    const given = convertInit(init);
    const inheritedMethod = source === undefined ? "GET" : source.#method;
    this.#url = source === undefined ? parseRequestUrl(text) : source.#url;
    this.#blob = source === undefined ? blobOfUrl(this.#url) : source.#blob;
    this.#settings = settingsFor(source === undefined ? undefined : source.#settings, given);
    this.#method = given.method === undefined ? inheritedMethod : normalMethod(given.method);
    if (this.#settings.mode === "no-cors" && !["GET", "HEAD", "POST"].includes(this.#method))
      throw new TypeError(`Request: the mode "no-cors" does not allow the method ${this.#method}.`);
    this.#signalSource = signalSourceOf(source, given.signal);
    this.#headers = given.headers ?? (source === undefined ? undefined : mutableCopy(source.headers));
    this.#body = this.#bodyFor(source, given);
  }

  get method(): string {
    return this.#method;
  }

  get url(): string {
    return this.#url;
  }

  get headers(): Headers {
    this.#headers ??= headersFromBlock(this.#headerBlock, this.#isIncoming);
    return this.#headers;
  }

  get destination(): string {
    this.#method;
    return "";
  }

  get referrer(): string {
    return this.#settings.referrer;
  }

  get referrerPolicy(): string {
    return this.#settings.referrerPolicy;
  }

  get mode(): string {
    return this.#settings.mode;
  }

  get credentials(): string {
    return this.#settings.credentials;
  }

  get cache(): string {
    return this.#settings.cache;
  }

  get redirect(): string {
    return this.#settings.redirect;
  }

  get integrity(): string {
    return this.#settings.integrity;
  }

  get keepalive(): boolean {
    return this.#settings.keepalive;
  }

  get isReloadNavigation(): boolean {
    this.#method;
    return false;
  }

  get isHistoryNavigation(): boolean {
    this.#method;
    return false;
  }

  get signal(): AbortSignal {
    const source = this.#signalSource;
    if (this.#signal === undefined) {
      if (source === undefined) this.#signal = createAbortSignal();
      else this.#signal = source.isFollowed ? createDependentSignal([source.get()]) : source.get();
    }
    return this.#signal;
  }

  get duplex(): string {
    this.#method;
    return "half";
  }

  clone(): Request {
    if (this.#body?.isUnusable) throw new TypeError("Request.clone: the body has been read, or is locked.");
    const copy = new Request(INCOMING as never);
    copy.#method = this.#method;
    copy.#url = this.#url;
    copy.#headerBlock = this.#headerBlock;
    copy.#isIncoming = this.#isIncoming;
    copy.#headers = this.#headers && cloneHeaders(this.#headers);
    copy.#body = this.#body?.clone();
    copy.#settings = this.#settings;
    copy.#blob = this.#blob;
    copy.#signalSource = { get: () => this.signal, isFollowed: true };
    return copy;
  }

  #bodyFor(source: Request | undefined, { body, isHalfDuplex }: ConvertedInit): Body | undefined {
    const isGiven = body !== undefined && body !== null;
    const inherited = source === undefined ? undefined : source.#body;
    if (!isGiven && inherited === undefined) return undefined;
    if (this.#method === "GET" || this.#method === "HEAD")
      throw new TypeError(`Request: a ${this.#method} request has no body.`);
    if (!isGiven) return inherited?.move();
    if (isStreamInit(body)) {
      if (this.#settings.keepalive) throw new TypeError("Request: a stream cannot outlive its sender.");
      if (!isHalfDuplex)
        throw new TypeError('Request: a body that is a stream needs duplex: "half" (RequestInit: duplex).');
      if (this.#settings.mode === "no-cors")
        throw new TypeError('Request: the mode "no-cors" does not allow a stream.');
    }
    const extracted = extractBody(body);
    this.#setType(extracted.contentType);
    return extracted.body;
  }

  #setType(type: string | undefined): void {
    if (type === undefined) return;
    if (this.#headers === undefined) this.#headerBlock = `content-type\n${type}\n`;
    else addDefaultHeader(this.#headers, "content-type", type);
  }

  static {
    isRequest = (value): value is Request => typeof value === "object" && value !== null && #method in value;
    requestParts = (request) => ({
      ...request.#settings,
      method: request.#method,
      url: request.#url,
      headerBlock: request.#headers === undefined ? request.#headerBlock : headersToBlock(request.#headers),
      body: request.#body?.send(),
      blob: request.#blob,
      signal: request.#signal ?? request.#signalSource?.get(),
    });
    createRequest = (method, url, headerBlock, body, signalSource) => {
      const request = new Request(INCOMING as never);
      request.#method = method;
      request.#url = url;
      request.#headerBlock = headerBlock;
      request.#isIncoming = true;
      if (body !== undefined)
        request.#body = new Body(body instanceof ArrayBuffer ? new Uint8Array(body) : body);
      request.#signalSource = signalSource;
      return request;
    };
    defineBodyMixin(Request, {
      bodyOf: (request) => request.#body,
      contentTypeOf: (request) => getHeader(request.headers, "content-type"),
    });
  }
}

asInterface("Request", Request);
showFields(
  Request,
  "Request",
  (request) => ({
    method: request.method,
    url: request.url,
    headers: request.headers,
    destination: request.destination,
    referrer: request.referrer,
    referrerPolicy: request.referrerPolicy,
    mode: request.mode,
    credentials: request.credentials,
    cache: request.cache,
    redirect: request.redirect,
    integrity: request.integrity,
    keepalive: request.keepalive,
    isReloadNavigation: request.isReloadNavigation,
    isHistoryNavigation: request.isHistoryNavigation,
    signal: request.signal,
  }),
  { isAlwaysWhole: true },
);

function settingsFor(
  inherited: RequestSettings | undefined,
  { isEmpty, settings }: ConvertedInit,
): RequestSettings {
  if (inherited !== undefined && isEmpty) return inherited;
  const { referrer, referrerPolicy } = DEFAULT_SETTINGS;
  const all = { ...DEFAULT_SETTINGS, ...inherited, referrer, referrerPolicy, ...settings };
  if (all.cache === "only-if-cached" && all.mode !== "same-origin")
    throw new TypeError('Request: the cache mode "only-if-cached" is for the mode "same-origin" alone.');
  return all;
}

function signalSourceOf(
  source: Request | undefined,
  given: AbortSignal | null | undefined,
): SignalSource | undefined {
  if (given === null) return undefined;
  if (given !== undefined) return { get: () => given, isFollowed: true };
  return source === undefined ? undefined : { get: () => source.signal, isFollowed: true };
}
