import { type Agent, request as httpRequest, type IncomingMessage } from "node:http";

export interface RawCall {
  method?: string;
  /** Names and values alternating, one character a byte. */
  headers?: string[];
  body?: Uint8Array | string;
  /** The request target on the wire. Default: that of the URL. */
  path?: string;
  /** The `Host` field. Default: that of the URL. */
  host?: string;
  /** Default: a connection of its own. */
  agent?: Agent;
  signal?: AbortSignal;
}

export interface RawAnswer {
  status: number;
  headers: IncomingMessage["headers"];
  /** Names and values alternating, one character a byte. */
  rawHeaders: string[];
  body: Buffer;
  text: string;
}

/** A call over HTTP that shows header fields as they are: repeated, in order, as bytes. */
export function call(url: string, options: RawCall = {}): Promise<RawAnswer> {
  const { method = "GET", headers = [], body, path, agent = false, signal } = options;
  return new Promise((resolve, reject) => {
    const { host, pathname, search } = new URL(url);
    const named = options.host ?? host;
    const length =
      body === undefined || headers.includes("Transfer-Encoding")
        ? []
        : ["Content-Length", String(Buffer.byteLength(body))];
    const request = httpRequest(url, {
      method,
      path: path ?? pathname + search,
      headers: ["Host", named, ...headers, ...length],
      agent,
      ...(signal === undefined ? {} : { signal }),
    });
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const whole = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          body: whole,
          text: whole.toString(),
        });
      });
    });
    request.end(body);
  });
}

/** All values of a field, in order. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name.toLowerCase(),
  );
}
