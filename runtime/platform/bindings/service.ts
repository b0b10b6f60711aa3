import { beginExchange, untilAborted } from "../fetch/exchange.ts";
import { runUntilAborted } from "../fetch/perform.ts";
import { Request, type RequestInit, requestParts } from "../fetch/request.ts";
import { createResponse, type Response } from "../fetch/response.ts";
import { HostFailure } from "../host-call.ts";
import { URL } from "../url.ts";
import { bindMethods } from "./bind-methods.ts";
import { toError } from "./host-result.ts";

/** `env`'s object of another function (functions/sdk: Service). Bodies stream both ways, as those of `fetch` do. */
export class Service {
  readonly #name: string;
  /** What a path alone is relative to. */
  readonly #base: string;

  constructor(name: string, service: string) {
    this.#name = name;
    const host = service.toLowerCase().replaceAll("_", "-");
    // Digits alone are an address of IPv4 to URLs, `xn--` begins a name of other letters: neither has to be a valid one.
    const url = `http://${host}/`;
    this.#base = URL.canParse(url) && new URL(url).hostname === host ? url : "http://service/";
    bindMethods(this);
  }

  async fetch(input: unknown, init?: RequestInit): Promise<Response> {
    const parts = requestParts(this.#request(input, init));
    const { signal, url } = parts;
    return runUntilAborted(parts, async (onExchange) => {
      const exchange = beginExchange({ ...parts, url: new URL(url) }, ["service.fetch", this.#name]);
      onExchange(exchange);
      const { body, ...head } = await exchange.answer.catch((error: unknown) => {
        exchange.cancel(error);
        throw error instanceof HostFailure ? toError(error) : error;
      });
      const source = signal === undefined ? body : untilAborted(body, signal);
      return createResponse({ ...head, url, isRedirected: false, body: source });
    });
  }

  get [Symbol.toStringTag](): string {
    return "Service";
  }

  #request(input: unknown, init: RequestInit | undefined): Request {
    if (input instanceof Request) return init === undefined ? input : new Request(input, init);
    return new Request(new URL(`${input}`, this.#base).href, init);
  }
}
