/**
 * The admin API of Caddy. Requests are made by `node:http`: newer versions refuse `fetch`, which names its origin.
 */
import { type IncomingMessage, request } from "node:http";

/** A part of the configuration, and its version for `write`. */
export interface CaddyPart {
  /** Undefined: there is none. */
  value: unknown;
  etag: string | undefined;
}

/** The answer of Caddy is an error. */
export class CaddyRefused extends Error {
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }

  /** The part has changed since it was read. */
  get isOutdated(): boolean {
    return this.status === 412;
  }
}

/** How long Caddy may take. A change provisions the whole configuration. */
const TIMEOUT_MS = 15_000;
/** Upper bound of an answer: tens of thousands of routes. */
const MAX_BYTES = 32 * 1024 * 1024;

export type CaddyWrite = "POST" | "PUT" | "PATCH" | "DELETE";

export class CaddyAdmin {
  readonly #url: URL;
  /** The address by which this machine reaches Caddy. Undefined before the first answer. */
  localAddress: string | undefined;

  constructor(url: URL) {
    this.#url = url;
  }

  /** Reads a part: `/config/apps/http`, `/id/NAME`. Rejects where Caddy cannot be reached. */
  async read(path: string): Promise<CaddyPart> {
    const { status, etag, text } = await this.#send("GET", path, undefined, undefined);
    // A path through a part that is missing is an error of its own.
    if (status === 404 || (status === 400 && /invalid traversal path/.test(text)))
      return { value: undefined, etag };
    if (status !== 200) throw new CaddyRefused(status, errorIn(text));
    const value: unknown = JSON.parse(text);
    return { value: value ?? undefined, etag };
  }

  /** Changes a part. `etag`: that of a part as it was read. Error: CaddyRefused, outdated where it has changed since. */
  async write(method: CaddyWrite, path: string, value: unknown, etag: string | undefined): Promise<void> {
    const body = value === undefined ? undefined : JSON.stringify(value);
    const { status, text } = await this.#send(method, path, body, etag);
    if (status < 200 || status > 299) throw new CaddyRefused(status, errorIn(text));
  }

  #send(method: string, path: string, body: string | undefined, etag: string | undefined): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(etag === undefined ? {} : { "If-Match": etag }),
      };
      const url = new URL(path, this.#url);
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const sent = request(url, { method, headers, agent: false, signal }, (incoming) => {
        this.localAddress = incoming.socket.localAddress;
        void readText(incoming).then(
          (text) => resolve({ status: incoming.statusCode ?? 0, etag: incoming.headers.etag, text }),
          reject,
        );
      });
      sent.once("error", reject);
      sent.end(body);
    });
  }
}

interface Answer {
  status: number;
  etag: string | undefined;
  text: string;
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    const piece = Buffer.from(chunk as Uint8Array);
    bytes += piece.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`Caddy's configuration has over ${MAX_BYTES} bytes`);
    chunks.push(piece);
  }
  return Buffer.concat(chunks).toString();
}

function errorIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error === "string") return error.slice(0, 500);
  } catch {
    // A proxy before the admin API answers in another form.
  }
  return text.slice(0, 500);
}
