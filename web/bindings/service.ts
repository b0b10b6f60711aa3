import { beginExchange, type Exchange, untilAborted } from "../fetch/exchange.ts";
import { runUntilAborted } from "../fetch/perform.ts";
import { Request, type RequestInit, type RequestParts, requestParts } from "../fetch/request.ts";
import { createResponse, type Response } from "../fetch/response.ts";
import { HostFailure } from "../host/host-call.ts";
import { URL } from "../url/url.ts";
import { bindMethods } from "./bind-methods.ts";
import { toError } from "./host-result.ts";

/** The object of another function in `env` (functions/sdk: Service). Bodies stream both ways, as in `fetch`. */
export class Service {
  readonly #name: string;
  /** The base of a URL that is only a path. */
  readonly #base: string;
  /** The path that was called last, and its URL: most callers call one action many times. */
  #path: string | undefined;
  #url = "";

  constructor(name: string, service: string) {
    this.#name = name;
    const host = service.toLowerCase().replaceAll("_", "-");
    // A URL parser reads digits alone as an IPv4 address, and `xn--` as Punycode. A function's name may be neither.
    const url = `http://${host}/`;
    this.#base = URL.canParse(url) && new URL(url).hostname === host ? url : "http://service/";
    bindMethods(this);
  }

  async fetch(input: unknown, init?: RequestInit): Promise<Response> {
    const parts = requestParts(this.#request(input, init));
    // The wait for a signal costs as much as the rest of the way out.
    if (parts.signal === undefined) return await this.#call(parts);
    return await runUntilAborted(parts, (onExchange) => this.#call(parts, onExchange));
  }

  async #call(parts: RequestParts, onExchange?: (exchange: Exchange) => void): Promise<Response> {
    const { signal, url, method, headerBlock, body: sent } = parts;
    const request = { method, headerBlock, body: sent, url: { href: url } };
    const exchange = beginExchange(request, ["service.fetch", this.#name]);
    onExchange?.(exchange);
    try {
      const { status, statusText, headerBlock, body } = await exchange.answer;
      const source = signal === undefined ? body : untilAborted(body, signal);
      return createResponse({ status, statusText, headerBlock, url, isRedirected: false, body: source });
    } catch (error) {
      exchange.cancel(error);
      throw error instanceof HostFailure ? toError(error) : error;
    }
  }

  get [Symbol.toStringTag](): string {
    return "Service";
  }

  #request(input: unknown, init: RequestInit | undefined): Request {
    if (input instanceof Request) return init === undefined ? input : new Request(input, init);
    const path = `${input}`;
    if (path !== this.#path) {
      this.#url = new URL(path, this.#base).href;
      this.#path = path;
    }
    return new Request(this.#url, init);
  }
}
