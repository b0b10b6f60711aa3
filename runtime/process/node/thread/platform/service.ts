/** The object of another function in `env`, by Node's own `Request` and `Response`, in place of web/bindings/service.ts. */
import {
  bindMethods,
  callHost,
  type HostCall,
  HostFailure,
  inboundStream,
  openInbound,
  sendStream,
  splitHeaderBlock,
  toError,
} from "../../../../../web/thread.ts";
import { beginBody } from "../../../../handler/leaving-body.ts";
import { blockOf } from "../../../../handler/serving.ts";
import { sourceOf } from "../source-of.ts";

/** The host's answer. A body that is a number is the id of a stream. */
interface HostAnswer {
  status: number;
  statusText: string;
  headerBlock: string;
  body: string | ArrayBuffer | number | undefined;
}

/** Statuses whose responses have no body (Fetch, section 2.2.3). */
const WITHOUT_BODY = new Set([204, 205, 304]);

export class Service {
  readonly #name: string;
  readonly #base: string;

  constructor(name: string, service: string) {
    this.#name = name;
    const url = `http://${service.toLowerCase().replaceAll("_", "-")}/`;
    this.#base = URL.canParse(url) ? url : "http://service/";
    bindMethods(this);
  }

  async fetch(input: unknown, init?: RequestInit): Promise<Response> {
    const request = this.#request(input, init);
    const { signal } = request;
    signal.throwIfAborted();
    const body = request.body === null ? undefined : await bodyOf(request.body);
    const call = callHost(
      ...([
        "service.fetch",
        this.#name,
        request.method,
        request.url,
        blockOf(request.headers),
        body,
      ] as const),
    );
    const aborted = Promise.withResolvers<never>();
    const abort = () => {
      call.cancel(discard);
      aborted.reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      return responseOf((await Promise.race([answerOf(call), aborted.promise])) as HostAnswer);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  get [Symbol.toStringTag](): string {
    return "Service";
  }

  #request(input: unknown, init: RequestInit | undefined): Request {
    const more = init?.body instanceof ReadableStream ? { duplex: "half" as const, ...init } : init;
    if (input instanceof Request) return more === undefined ? input : new Request(input, more);
    return new Request(new URL(`${input}`, this.#base), more);
  }
}

function answerOf({ result }: HostCall): Promise<unknown> {
  return result.catch((error: unknown) => {
    throw error instanceof HostFailure ? toError(error) : error;
  });
}

async function bodyOf(stream: ReadableStream<unknown>): Promise<ArrayBuffer | number> {
  const begun = await beginBody(stream);
  if (!(begun instanceof Uint8Array)) return sendStream(sourceOf(begun));
  return new Uint8Array(begun).buffer;
}

function responseOf({ status, statusText, headerBlock, body }: HostAnswer): Response {
  const content = typeof body === "number" ? inboundStream(openInbound(body)) : body;
  const init = { status, statusText, headers: splitHeaderBlock(headerBlock) };
  if (!WITHOUT_BODY.has(status)) return new Response(content ?? null, init);
  discard({ body });
  return new Response(null, init);
}

function discard(answer: unknown): void {
  const { body } = answer as Pick<HostAnswer, "body">;
  if (typeof body === "number") openInbound(body).cancel();
}
