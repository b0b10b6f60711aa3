import { splitHeaderBlock } from "../boundary.ts";
import { headersToBlock } from "../fetch/headers.ts";
import { Request, type RequestInit } from "../fetch/request.ts";
import { Response } from "../fetch/response.ts";
import { callHost, HostFailure } from "../host-call.ts";
import { onAbort, toError } from "./host-result.ts";

/** `env`'s object of another function (functions/sdk: Service). */
export class Service {
  readonly #name: string;
  /** What a path alone is relative to. */
  readonly #base: string;

  constructor(name: string, service: string) {
    this.#name = name;
    this.#base = `http://${service.toLowerCase().replaceAll("_", "-")}/`;
  }

  async fetch(input: unknown, init?: RequestInit & { signal?: AbortSignal | null }): Promise<Response> {
    const request = this.#request(input, init) as unknown as globalThis.Request;
    const { method, url } = request;
    const signal = init?.signal ?? request.signal;
    if (signal?.aborted === true) throw signal.reason;
    const body = request.body === null ? undefined : await request.arrayBuffer();
    const call = callHost(
      "service.fetch",
      this.#name,
      method,
      url,
      headersToBlock(request.headers as never),
      body,
    );
    const aborted = Promise.withResolvers<never>();
    const forget = onAbort(signal, () => {
      call.cancel();
      aborted.reject(signal?.reason);
    });
    try {
      return responseOf(await Promise.race([call.result, aborted.promise]));
    } catch (failure) {
      throw failure instanceof HostFailure ? toError(failure) : failure;
    } finally {
      forget();
    }
  }

  get [Symbol.toStringTag](): string {
    return "Service";
  }

  #request(input: unknown, init: RequestInit | undefined): Request {
    if (input instanceof Request) return init === undefined ? input : new Request(input, init);
    return new Request(new URL(`${input}`, this.#base).href, init);
  }
}

function responseOf(answer: unknown): Response {
  const [status, headerBlock, body] = answer as [number, string, ArrayBuffer | undefined];
  return new Response(body, { status, headers: splitHeaderBlock(headerBlock) });
}
