/**
 * The work of `fetch`, as far as it applies to a server: no cookies, caches, CORS or service workers.
 *
 * I1  It settles once: with a response, with the signal's reason, or with a TypeError that gives failure, place and cause.
 * I2  Redirects are followed here. Each is an exchange of its own, so that the host checks every address.
 */
import { type AbortSignal, onAbort } from "../dom/abort.ts";
import { encodeUtf8 } from "../encoding/encoding.ts";
import { callHost, HostFailure } from "../host/host-call.ts";
import type { ByteSource } from "../host/inbound-stream.ts";
import { URL } from "../url/url.ts";
import { readDataUrl } from "./data-url.ts";
import { type Answer, beginExchange, type Exchange, isStream, untilAborted } from "./exchange.ts";
import { readAll } from "./reader-source.ts";
import { type FetchStep, findHeader, followRedirect, isRedirect } from "./redirect.ts";
import type { RequestParts } from "./request.ts";
import { createResponse, type Response } from "./response.ts";

const MAX_REDIRECTS = 20;

export function performFetch(parts: RequestParts): Promise<Response> {
  return runUntilAborted(parts, (onExchange) => follow(parts, onExchange));
}

/** Runs work that makes exchanges. An abort of the request's signal ends the exchanges and the work. */
export async function runUntilAborted<T>(
  parts: RequestParts,
  work: (onExchange: (exchange: Exchange) => void) => Promise<T>,
): Promise<T> {
  const { signal } = parts;
  if (signal === undefined) return work(() => undefined);
  if (signal.aborted) {
    const content = parts.body?.content;
    if (typeof content === "object" && !(content instanceof Uint8Array)) content.cancel(signal.reason);
    throw signal.reason;
  }
  const aborted = Promise.withResolvers<never>();
  let exchange: Exchange | undefined;
  const forget = onAbort(signal, () => {
    aborted.reject(signal.reason);
    exchange?.cancel(signal.reason);
  });
  const working = work((next) => {
    exchange = next;
  });
  try {
    return await Promise.race([aborted.promise, working]);
  } finally {
    forget();
  }
}

async function follow(parts: RequestParts, onExchange: (exchange: Exchange) => void): Promise<Response> {
  const { redirect, integrity, signal } = parts;
  let step: FetchStep = { ...parts, url: new URL(parts.url) };
  if (step.url.protocol === "data:") return fetchData(step, integrity);
  if (step.url.protocol === "blob:") return fetchBlob(parts);
  for (let redirects = 0; ; redirects++) {
    const answer = await exchangeFor(step, onExchange);
    const location = isRedirect(answer.status) ? findHeader(answer.headerBlock, "location") : undefined;
    if (isRedirect(answer.status) && redirect === "error") {
      discard(answer);
      throw failed(`${step.url.origin} redirects, and \`redirect\` is "error"`);
    }
    if (location === undefined || redirect === "manual")
      return respond(step, answer, redirects > 0, integrity, signal);
    discard(answer);
    if (redirects === MAX_REDIRECTS) throw failed(`there were more than ${MAX_REDIRECTS} redirects`);
    const next = followRedirect(step, answer.status, location);
    if (typeof next === "string") throw failed(next);
    step = next;
  }
}

async function exchangeFor(step: FetchStep, onExchange: (exchange: Exchange) => void): Promise<Answer> {
  const exchange = beginExchange(step);
  onExchange(exchange);
  try {
    return await exchange.answer;
  } catch (error) {
    exchange.cancel(error);
    if (error instanceof HostFailure) throw failed(error.message, codeOf(error));
    throw failed("the request's body broke", error);
  }
}

async function respond(
  { url, method }: FetchStep,
  { body, ...head }: Answer,
  isRedirected: boolean,
  integrity: string,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const source = signal === undefined ? body : untilAborted(body, signal);
  return createResponse({
    ...head,
    url: withoutFragment(url.href),
    isRedirected,
    body: integrity === "" || method === "HEAD" ? source : await checked(source, integrity, url),
  });
}

/** Returns the body after all of it was checked (Subresource Integrity). */
async function checked(
  body: string | ArrayBuffer | ByteSource | undefined,
  integrity: string,
  url: URL,
): Promise<ArrayBuffer> {
  const bytes =
    body === undefined
      ? new ArrayBuffer()
      : typeof body === "string"
        ? encodeUtf8(body).buffer
        : body instanceof ArrayBuffer
          ? body
          : (await readAll(body)).buffer;
  const matches = await callHost("fetch.matches", integrity, bytes).result.catch((error: unknown) => {
    throw failed(error instanceof HostFailure ? error.message : "its body could not be checked");
  });
  if (matches !== true) throw failed(`the body from ${url.origin} does not match \`integrity\``);
  return bytes;
}

async function fetchData({ url, method }: FetchStep, integrity: string): Promise<Response> {
  const data = readDataUrl(url);
  if (data === undefined) throw failed("the data: URL is not valid");
  const body = await (integrity === "" ? data.bytes.buffer : checked(data.bytes.buffer, integrity, url));
  return createResponse({
    status: 200,
    statusText: "OK",
    headerBlock: `content-type\n${data.type}\n`,
    url: url.href,
    isRedirected: false,
    body: method === "HEAD" ? undefined : body,
  });
}

/** Fetches an object URL of this isolate. The blob was looked up when the request was made. */
async function fetchBlob({ blob, method, url, integrity }: RequestParts): Promise<Response> {
  if (blob === undefined) throw failed("the blob: URL names nothing, or was revoked");
  if (method !== "GET") throw failed(`a blob: URL can be fetched by GET alone, not by ${method}`);
  return createResponse({
    status: 200,
    statusText: "OK",
    // A blob without a type has an empty content type: clients must not guess one.
    headerBlock: `content-length\n${blob.size}\ncontent-type\n${blob.type}\n`,
    url: withoutFragment(url),
    isRedirected: false,
    body: integrity === "" ? blob : await checked(await blob.arrayBuffer(), integrity, new URL(url)),
  });
}

/** An empty fragment is removed as well. `URL.prototype.hash` does not distinguish it from none. */
function withoutFragment(url: string): string {
  const at = url.indexOf("#");
  return at === -1 ? url : url.slice(0, at);
}

function discard({ body }: Answer): void {
  if (isStream(body)) body.cancel();
}

/** `cause`: the error of the request's body, or an error with the code of the failure. */
function failed(why: string, cause?: unknown): TypeError {
  return new TypeError(`fetch failed: ${why}`, cause === undefined ? {} : { cause });
}

function codeOf({ name, message }: HostFailure): unknown {
  return /^[A-Z][A-Z0-9_]+$/.test(name) ? Object.assign(new Error(message), { code: name }) : undefined;
}
