import type { Readable } from "node:stream";
import type { IsolateStreams } from "../../process/isolate-streams.ts";

/**
 * How many bytes the isolate gets without credit. A short body that the function never reads lies in the isolate's own memory then,
 * and its connection is free.
 */
export const FIRST_BYTES = 64 * 1024;

export interface SentBody {
  /** The stream's id in the isolate. */
  readonly id: number;
  /** Whether the isolate has granted any credit for it. */
  readonly isRead: boolean;
}

export interface SendBodyOptions {
  owner: number;
  body: Readable;
  describe(error: unknown): string;
}

/** Sends a body to the isolate, no faster than it reads. A body that the isolate cancels is destroyed. */
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
    // Credit may come before the listeners below are there: a read now could swallow the end.
    if (!isStarted) return;
    while (credit > 0) {
      const chunk: Uint8Array | null = body.read();
      if (chunk === null) return;
      // One chunk may exceed the credit. The next chunk waits until the credit is positive again.
      credit -= chunk.byteLength;
      inbound.push(new Uint8Array(chunk).buffer);
    }
  };
  // The answer to its call tells the isolate of the stream. The answer goes out after this turn.
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
