/** An isolate's streams as iterables of Node's own kind. */
import { ByteQueue } from "../../../contracts/index.ts";
import { CreditGate, type Piece, WINDOW_BYTES } from "../../../streams/index.ts";
import type { Inbound, IsolateStreams } from "../process/isolate-streams.ts";

/**
 * Sends the chunks of an iterable (a Node stream, a web stream) to the isolate, no faster than it reads; returns the
 * stream's id. `onOver` is called once, with the error where it broke.
 */
export function sendToIsolate(
  streams: IsolateStreams,
  owner: number,
  source: AsyncIterable<Uint8Array>,
  onOver: (error?: unknown) => void = () => undefined,
): number {
  const iterator = source[Symbol.asyncIterator]();
  let isCancelled = false;
  let wake: (() => void) | undefined;
  const inbound: Inbound = streams.openInbound(owner, {
    onCredit(bytes) {
      gate.grant(bytes);
      wake?.();
    },
    onCancel() {
      isCancelled = true;
      wake?.();
      void iterator.return?.().catch(() => undefined);
    },
  });
  const gate = new CreditGate<Piece>(Number.POSITIVE_INFINITY, (_piece, part) =>
    inbound.push(new Uint8Array(part).buffer),
  );
  const pump = async () => {
    try {
      while (!isCancelled) {
        if (!gate.isOpen) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        const next = await iterator.next();
        if (isCancelled) break;
        if (next.done === true) {
          inbound.end();
          break;
        }
        gate.write({ bytes: next.value, overheadBytes: 0 });
      }
      onOver();
    } catch (error) {
      inbound.end(error instanceof Error ? error.message : String(error));
      onOver(error);
    }
  };
  void pump();
  return inbound.id;
}

/**
 * A stream of the isolate, under an id of its choice, as an iterable; undefined where the id is none. Throws where it
 * breaks, and when `signal` aborts it, also with unread chunks.
 */
export function receiveFromIsolate(
  streams: IsolateStreams,
  owner: number,
  id: unknown,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> | undefined {
  const chunks = new ByteQueue();
  let end: { why: string | undefined } | undefined;
  let wake: (() => void) | undefined;
  const outbound = streams.openOutbound(id, owner, {
    onChunk(bytes) {
      chunks.push(bytes);
      wake?.();
    },
    onEnd(why) {
      end = { why };
      wake?.();
    },
  });
  if (outbound === undefined) return undefined;
  const onAbort = () => wake?.();
  signal?.addEventListener("abort", onAbort, { once: true });
  async function* read(sender: NonNullable<typeof outbound>) {
    try {
      sender.grant(WINDOW_BYTES);
      while (true) {
        signal?.throwIfAborted();
        const chunk = chunks.shift();
        if (chunk !== undefined) {
          yield chunk;
          sender.grant(chunk.byteLength);
        } else if (end !== undefined) {
          if (end.why !== undefined) throw new Error(end.why);
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      sender.cancel();
    }
  }
  return read(outbound);
}
