/**
 * A WebSocket between an isolate and its client: messages in frames, both ways, under credit.
 *
 * I1  A message has `MAX_SOCKET_MESSAGE_BYTES` at most, either way: a larger one closes the socket for both sides alike
 *     (1009), and is a line of the log.
 * I2  The client is given credit again when the isolate has taken a message: a slow function slows its clients.
 * I3  The isolate may send again what has left for the client; until then it waits with the isolate. One that sends all
 *     the same has tampered with its platform: the socket breaks.
 * I4  Its end is told once, to whichever side did not begin it. What waits for a client that has closed is dropped.
 */
import {
  MAX_SOCKET_MESSAGE_BYTES,
  SOCKET_FRAME_OVERHEAD_BYTES,
  SOCKET_TOO_BIG,
} from "../../contracts/index.ts";
import type { Headers } from "../../nats/index.ts";
import type { Answering } from "../../streams/index.ts";

export interface Socket {
  /** What the isolate sends. */
  message(data: string | ArrayBuffer): void;
  /** The isolate closes it. */
  close(code: number, reason: string): void;
  readonly isHeadOut: true;
  /** It cannot go on: the asker is told, and the isolate. */
  break(code: string): void;
}

export interface SocketOptions {
  /** Resolves when the isolate has taken it. */
  onMessage(data: string | ArrayBuffer): Promise<void>;
  /** The isolate may send so much more. */
  onCredit(bytes: number): void;
  /** The client has closed, or is gone. */
  onClose(code: number, reason: string, wasClean: boolean): void;
  /** Both sides have closed. */
  onOver(): void;
  /** It cannot go on, for a reason of the asker's side. */
  onBroken(code: string): void;
  /** The isolate, or the client, did what it must not; the socket ends of it. */
  onMisuse(code: "SOCKET_MESSAGE_TOO_LARGE" | "BAD_REPLY", why: string): void;
}

/** RFC 6455, section 7.4.1. */
const CloseCode = { noStatus: 1005, abnormal: 1006 } as const;

const WINDOW_BYTES = 256 * 1024;
/** What a message costs beside its bytes; the isolate counts the same. */
const MESSAGE_OVERHEAD_BYTES = 64;

/** Answers with `head`, and connects the isolate with the client. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createSocket({
  answering,
  head,
  onMessage,
  onCredit,
  onClose,
  onOver,
  onBroken,
  onMisuse,
}: SocketOptions & { answering: Answering; head: Headers }): Socket {
  let fragments: Uint8Array[] = [];
  let size = 0;
  let hasClosed = false;
  let hasHeardClose = false;
  /** What the isolate may send. */
  let credit = 0;
  /** What it may send again, as it has left. */
  let owed = 0;

  const heard = (code: number, reason: string, wasClean: boolean) => {
    if (hasHeardClose) return;
    hasHeardClose = true;
    onClose(code, reason, wasClean);
  };
  const close = (code: number, reason: string) => {
    if (hasClosed) return;
    hasClosed = true;
    sender.close(code, reason);
  };
  /** The client hears nothing more: the end is said at once, whatever waits. */
  const closeNow = (code: number, reason: string) => {
    sender.drop();
    close(code, reason);
    onOver();
  };
  const logTooBig = (what: string) =>
    onMisuse(
      "SOCKET_MESSAGE_TOO_LARGE",
      `${what}; the limit is ${MAX_SOCKET_MESSAGE_BYTES} bytes, and no key changes it`,
    );
  const tooBig = (what: string) => {
    logTooBig(what);
    const { code, reason } = SOCKET_TOO_BIG;
    heard(code, reason, false);
    receiver.cancel("SOCKET_MESSAGE_TOO_LARGE");
    closeNow(code, reason);
  };
  const sender = answering.beginResponse(head, {
    onCredit: () => payBack(),
    // A cancel of the asker ends the exchange, see `onGone`.
    onCancel: () => undefined,
    onEnded: () => {
      if (hasHeardClose) onOver();
    },
  });
  const receiver = answering.receiveBody({
    onData: () => undefined,
    onMessage(kind, bytes, hasMore) {
      fragments.push(bytes);
      size += bytes.byteLength;
      if (size > MAX_SOCKET_MESSAGE_BYTES)
        return tooBig(`the client sent a message of ${size} bytes or more`);
      const consumed = () => receiver.consumed(bytes.byteLength + SOCKET_FRAME_OVERHEAD_BYTES, WINDOW_BYTES);
      if (hasMore) return consumed();
      const whole = Buffer.concat(fragments, size);
      fragments = [];
      size = 0;
      const data = kind === "text" ? whole.toString() : new Uint8Array(whole).buffer;
      void onMessage(data).then(consumed);
    },
    onEnd(end) {
      if (end.kind === "broken") return onBroken(end.code);
      const code = Number(end.code) || CloseCode.noStatus;
      // The gateway has seen the beginning of it, and says so in the client's place.
      const isTooBig = code === SOCKET_TOO_BIG.code && end.reason === SOCKET_TOO_BIG.reason;
      if (isTooBig) logTooBig(`the client sent a message of more than ${MAX_SOCKET_MESSAGE_BYTES} bytes`);
      heard(code, end.reason, !isTooBig);
      closeNow(code, end.reason);
    },
  });
  const grant = (bytes: number) => {
    credit += bytes;
    onCredit(bytes);
  };
  const payBack = () => {
    if (sender.waitingBytes > 0 || owed < WINDOW_BYTES / 2) return;
    grant(owed);
    owed = 0;
  };
  receiver.grant(WINDOW_BYTES);
  grant(WINDOW_BYTES);
  return {
    isHeadOut: true,
    message(data) {
      if (hasClosed) return;
      const bytes = typeof data === "string" ? Buffer.from(data) : new Uint8Array(data);
      if (bytes.byteLength > MAX_SOCKET_MESSAGE_BYTES) {
        return tooBig(`the function sent a message of ${bytes.byteLength} bytes`);
      }
      if (credit <= 0) {
        onMisuse("BAD_REPLY", "a message was sent that there was no room for");
        return onBroken("BAD_REPLY");
      }
      const cost = MESSAGE_OVERHEAD_BYTES + (typeof data === "string" ? data.length : data.byteLength);
      credit -= cost;
      owed += cost;
      sender.message(typeof data === "string" ? "text" : "binary", bytes);
      payBack();
    },
    close,
    break(code) {
      sender.break(code);
      hasClosed = true;
      heard(CloseCode.abnormal, "", false);
    },
  };
}
