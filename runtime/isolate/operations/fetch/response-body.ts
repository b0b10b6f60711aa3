import type { Readable } from "node:stream";
import type { IsolateStreams } from "../../process/isolate-streams.ts";

/**
 * Bytes that the isolate gets before it asks for any: a short body that nobody ever reads then lies in the isolate's own
 * memory, and its connection is free.
 */
export const FIRST_BYTES = 64 * 1024;

export interface SentBody {
  /** The stream's id in the isolate. */
  readonly id: number;
  /** Whether the isolate has asked for any of it. */
  readonly isRead: boolean;
}

export interface SendBodyOptions {
  owner: number;
  body: Readable;
  describe(error: unknown): string;
}

/** Sends a body to the isolate, no faster than it reads. What the isolate does not want any more is destroyed. */
export function sendBodyToIsolate(
  streams: IsolateStreams,
  { owner, body, describe }: SendBodyOptions,
): SentBody {
  let credit = FIRST_BYTES;
  let isRead = false;
  let isStarted = false;
  const inbound = streams.openInbound(owner, {
    onCredit(bytes) {
      isRead = true;
      credit += bytes;
      pump();
    },
    onCancel: () => void body.destroy(),
  });
  const pump = () => {
    // The isolate may ask for more before its answer's stretch is over: a read now could swallow the end.
    if (!isStarted) return;
    while (credit > 0) {
      const chunk: Uint8Array | null = body.read();
      if (chunk === null) return;
      // One chunk may be over the credit; the next one waits until it is paid back.
      credit -= chunk.byteLength;
      inbound.push(new Uint8Array(chunk).buffer);
    }
  };
  // The isolate hears of the stream by the answer to its call, which goes out when this stretch is over.
  setImmediate(() => {
    if (body.errored !== null) return inbound.end(describe(body.errored));
    isStarted = true;
    body.on("readable", pump);
    body.on("end", () => inbound.end());
    body.on("error", (error) => inbound.end(describe(error)));
    pump();
  });
  return {
    id: inbound.id,
    get isRead() {
      return isRead;
    },
  };
}
