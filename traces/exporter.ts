/**
 * Sends spans to a collector by OTLP over HTTP.
 *
 * I1  At most `MAX_WAITING` spans wait, and one batch is under way. The spans beyond are dropped, and counted.
 * I2  A collector that does not take spans costs one line of the log until it takes some again, and the batch that it refused.
 *     The pauses between attempts grow.
 * I3  Nothing waits for the collector but `close`, for a bounded time.
 */
import type { Logger } from "pino";
import { messageOf } from "../contracts/index.ts";
import { encodeSpans, type ResourceAttributes } from "./encode.ts";
import type { Span, SpanSink } from "./span.ts";

export interface ExporterOptions {
  /** The address of a collector; spans go to `/v1/traces` below it. */
  url: string;
  /** Header fields of each request, such as a key. */
  headers?: Readonly<Record<string, string>> | undefined;
  attributes: ResourceAttributes;
  log: Pick<Logger, "info" | "warn">;
}

/** Upper bound of the spans that wait: some 8 MB. */
const MAX_WAITING = 8_192;
const MAX_BATCH = 1_024;
/** How long a span waits for others. */
const BATCH_MS = 1_000;
const SEND_MS = 10_000;
/** How long `close` waits for the last spans to be taken. */
const CLOSE_MS = 2_000;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;

export class SpanExporter implements SpanSink {
  readonly #options: ExporterOptions;
  readonly #url: string;
  #waiting: Span[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #dropped = 0;
  /** The pause before the next attempt; 0: the last one was taken. */
  #pauseMs = 0;
  #isClosed = false;

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#url = `${options.url.replace(/\/+$/, "")}/v1/traces`;
  }

  /** The number of spans that wait. */
  get size(): number {
    return this.#waiting.length;
  }

  record(span: Span): void {
    if (this.#waiting.length >= MAX_WAITING || this.#isClosed) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= MAX_BATCH && this.#pauseMs === 0) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), this.#pauseMs || BATCH_MS).unref();
  }

  /** Sends the spans that wait. Spans that a collector does not take in time are lost. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const timeout = AbortSignal.timeout(CLOSE_MS);
    while (!timeout.aborted && (this.#sending !== undefined || this.#waiting.length > 0)) {
      this.#send(timeout);
      const aborted = new Promise((resolve) => timeout.addEventListener("abort", resolve, { once: true }));
      await Promise.race([this.#sending, aborted]);
      if (this.#pauseMs > 0) break;
    }
    clearTimeout(this.#timer);
  }

  #send(signal?: AbortSignal): void {
    if (this.#sending !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting.splice(0, MAX_BATCH);
    if (batch.length === 0) return;
    this.#sending = this.#post(batch, signal).finally(() => {
      this.#sending = undefined;
      if (this.#waiting.length > 0 && !this.#isClosed)
        this.#timer ??= setTimeout(() => this.#send(), this.#pauseMs).unref();
    });
  }

  async #post(batch: readonly Span[], closing: AbortSignal | undefined): Promise<void> {
    const { headers = {}, attributes } = this.#options;
    const timeout = AbortSignal.timeout(SEND_MS);
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { ...headers, "content-type": "application/x-protobuf" },
        body: encodeSpans(batch, attributes),
        redirect: "error",
        signal: closing === undefined ? timeout : AbortSignal.any([timeout, closing]),
      });
      // The body tells of spans that were refused one by one. The connection is free when it was read.
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`it answered ${response.status}`);
      this.#onTaken();
    } catch (error) {
      this.#onRefused(batch.length, reasonOf(error));
    }
  }

  #onTaken(): void {
    if (this.#pauseMs === 0) return;
    this.#options.log.info({ otlp: this.#url, dropped: this.#dropped }, "the collector takes spans again");
    this.#pauseMs = 0;
    this.#dropped = 0;
  }

  #onRefused(count: number, error: string): void {
    this.#dropped += count;
    if (this.#pauseMs === 0)
      this.#options.log.warn(
        { otlp: this.#url, error },
        "the collector takes no spans: they are dropped until it does",
      );
    this.#pauseMs = Math.min(MAX_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2));
  }
}

/** `fetch` has the reason in the cause of its error. */
function reasonOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
}
