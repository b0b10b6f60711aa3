/**
 * A WebSocket between an isolate and its client: messages in frames, both ways, under credit.
 *
 * I1  The isolate gets whole messages, `MAX_SOCKET_MESSAGE_BYTES` each at most: a larger one closes the socket (1009).
 * I2  The client is given credit again when the isolate has taken a message: a slow function slows its clients.
 * I3  The isolate may send again what has left for the client; until then it waits with the isolate.
 * I4  Its end is told once, to whichever side did not begin it.
 */
import { MAX_SOCKET_MESSAGE_BYTES } from "../../../../contracts/index.ts";
import type { Answering, Headers } from "../../../../nats/index.ts";

export interface Socket {
  /** What the isolate sends. */
  message(data: string | ArrayBuffer): void;
  /** The isolate closes it. */
  close(code: number, reason: string): void;
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
}

/** RFC 6455, section 7.4.1. */
const CloseCode = { noStatus: 1005, abnormal: 1006, tooBig: 1009 } as const;

const WINDOW_BYTES = 256 * 1024;
/** What a message costs beside its bytes; the isolate counts the same. */
const MESSAGE_OVERHEAD_BYTES = 64;

/** Answers with `head`, and connects the isolate with the client. */
export function createSocket({
  answering,
  head,
  onMessage,
  onCredit,
  onClose,
  onOver,
}: SocketOptions & { answering: Answering; head: Headers }): Socket {
  let fragments: Uint8Array[] = [];
  let size = 0;
  let hasClosed = false;
  let hasHeardClose = false;

  const heard = (code: number, reason: string, wasClean: boolean) => {
    if (hasHeardClose) return;
    hasHeardClose = true;
    onClose(code, reason, wasClean);
    if (hasClosed) onOver();
  };
  const close = (code: number, reason: string) => {
    if (hasClosed) return;
    hasClosed = true;
    sender.close(code, reason);
  };
  const sender = answering.beginResponse(head, {
    onCredit: () => payBack(),
    onCancel: () => heard(CloseCode.abnormal, "", false),
    onEnded: () => {
      if (hasHeardClose) onOver();
    },
  });
  const receiver = answering.receiveBody({
    onData: () => undefined,
    onMessage(kind, bytes, hasMore) {
      fragments.push(bytes);
      size += bytes.byteLength;
      if (size > MAX_SOCKET_MESSAGE_BYTES) {
        receiver.cancel("BODY_TOO_LARGE");
        close(CloseCode.tooBig, `a message has at most ${MAX_SOCKET_MESSAGE_BYTES} bytes`);
        heard(CloseCode.tooBig, "", false);
        return;
      }
      if (hasMore) return receiver.consumed(bytes.byteLength, WINDOW_BYTES);
      const whole = Buffer.concat(fragments, size);
      fragments = [];
      size = 0;
      const data = kind === "text" ? whole.toString() : new Uint8Array(whole).buffer;
      void onMessage(data).then(() => receiver.consumed(bytes.byteLength, WINDOW_BYTES));
    },
    onEnd(end) {
      if (end.kind === "whole") heard(Number(end.code) || CloseCode.noStatus, end.reason, true);
      else heard(CloseCode.abnormal, "", false);
    },
  });
  /** What the isolate may send again, as it has left. */
  let owed = 0;
  const payBack = () => {
    if (sender.waitingBytes > 0 || owed < WINDOW_BYTES / 2) return;
    onCredit(owed);
    owed = 0;
  };
  receiver.grant(WINDOW_BYTES);
  onCredit(WINDOW_BYTES);
  return {
    message(data) {
      if (typeof data === "string") sender.message("text", Buffer.from(data));
      else sender.message("binary", new Uint8Array(data));
      owed += MESSAGE_OVERHEAD_BYTES + (typeof data === "string" ? data.length : data.byteLength);
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
