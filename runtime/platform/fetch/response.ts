import { Body, type BodyContent, type BodyInit, extractBody, peekBody } from "./body.ts";
import { Headers, type HeadersInit, headersToBlock } from "./headers.ts";

export interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

const NULL_BODY_STATUS = new Set([101, 204, 205, 304]);
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);
const REASON_PHRASE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What the host needs of a response; undefined for a value that is none. */
export let responseParts: (
  value: unknown,
) => { status: number; headerBlock: string; body: BodyContent | undefined } | undefined;

/** `Response` of the Fetch standard. */
export class Response extends Body {
  #status: number;
  #statusText: string;
  #headers: Headers | undefined;
  /** Set where the body implies one and nobody touched the headers: most responses never build a Headers object. */
  #contentType: string | undefined;

  constructor(body?: BodyInit, init: ResponseInit = {}) {
    const extracted = extractBody(body);
    super(extracted?.content);
    const status = init.status === undefined ? 200 : Math.trunc(Number(init.status));
    if (!(status >= 200 && status <= 599)) throw new RangeError(`Invalid status: ${init.status}`);
    if (extracted !== undefined && NULL_BODY_STATUS.has(status)) {
      throw new TypeError(`A response of status ${status} cannot have a body`);
    }
    this.#status = status;
    this.#statusText = `${init.statusText ?? ""}`;
    if (!REASON_PHRASE.test(this.#statusText)) throw new TypeError("Invalid status text");
    this.#contentType = extracted?.contentType;
    if (init.headers !== undefined) this.#headers = new Headers(init.headers);
  }

  static json(data: unknown, init: ResponseInit = {}): Response {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError("The value has no JSON form");
    const response = new Response(text, init);
    response.#contentType = "application/json";
    return response;
  }

  static redirect(url: string, status = 302): Response {
    if (!REDIRECT_STATUS.has(status)) throw new RangeError(`Invalid redirect status: ${status}`);
    return new Response(null, { status, headers: { location: new URL(`${url}`).href } });
  }

  get status(): number {
    return this.#status;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get ok(): boolean {
    return this.#status < 300;
  }

  get headers(): Headers {
    this.#headers ??= new Headers();
    if (this.#contentType !== undefined) {
      if (!this.#headers.has("content-type")) this.#headers.set("content-type", this.#contentType);
      this.#contentType = undefined;
    }
    return this.#headers;
  }

  clone(): Response {
    const copy = new Response(null, { statusText: this.#statusText, headers: this.headers });
    const body = peekBody(this);
    const filled = body === undefined ? copy : new Response(body as BodyInit, { headers: this.headers });
    filled.#status = this.#status;
    filled.#statusText = this.#statusText;
    filled.#contentType = undefined;
    return filled;
  }

  get [Symbol.toStringTag](): string {
    return "Response";
  }

  static {
    responseParts = (value) => {
      if (typeof value !== "object" || value === null || !(#status in value)) return undefined;
      const response = value as Response;
      const body = peekBody(response);
      if (response.#headers !== undefined) {
        return { status: response.#status, headerBlock: headersToBlock(response.headers), body };
      }
      const contentType = response.#contentType;
      return {
        status: response.#status,
        headerBlock: contentType === undefined ? "" : `content-type\n${contentType}\n`,
        body,
      };
    };
  }
}
