/**
 * Bodies that do not fit into one message travel in frames. A frame is a message with the header `Narun-Frame` (docs/wire.md,
 * "Streams").
 *
 * I1  `data`, `text`, `binary`, `end` and `break` of one direction have a sequence number, from 0, without gaps. NATS keeps
 *     the order of one publisher on one subject. A gap means that a frame was lost, and breaks the stream.
 * I2  The sender never has more bytes under way than the receiver granted, and starts without any grant.
 * I3  A stream ends once: by its sender's `end` or `break`, or by its receiver's `cancel`.
 */
import { headerNames } from "./header-names.ts";

/** The meaning of a frame. */
export type Frame =
  /** Bytes of a body. */
  | { kind: "data"; seq: number }
  /** A message of a WebSocket; `hasMore`: its next fragment follows. */
  | { kind: "text" | "binary"; seq: number; hasMore: boolean }
  /**
   * The body is whole. Further headers of the message are trailers. For a WebSocket, `code` is that of its close, and the
   * data is the reason.
   */
  | { kind: "end"; seq: number; code: string }
  /** The body is not whole, and ends here. `code`: of the error catalogue. */
  | { kind: "break"; seq: number; code: string }
  /** The receiver has room for this many more bytes. */
  | { kind: "credit"; bytes: number }
  /** The receiver does not want the rest. */
  | { kind: "cancel"; code: string }
  /** The asking side drains: an answer that can end should end. */
  | { kind: "drain" };

/**
 * The header block of a data frame, up to its number. The block has no other field, so that it is recognized without being
 * parsed.
 */
export const DATA_FRAME_PREFIX = `${headerNames.frame}: data `;

/** The value of `Narun-Frame`. */
export function formatFrame(frame: Frame): string {
  switch (frame.kind) {
    case "data":
      return `data ${frame.seq}`;
    case "text":
    case "binary":
      return `${frame.kind} ${frame.seq}${frame.hasMore ? " more" : ""}`;
    case "end":
    case "break":
      return `${frame.kind} ${frame.seq}${frame.code === "" ? "" : ` ${frame.code}`}`;
    case "credit":
      return `credit ${frame.bytes}`;
    case "cancel":
      return `cancel ${frame.code}`;
    case "drain":
      return frame.kind;
  }
}

const NUMBER = /^\d{1,15}$/;

/** Parses the value of `Narun-Frame`; undefined where this version knows no such frame. */
export function parseFrame(value: string): Frame | undefined {
  const firstAt = value.indexOf(" ") + 1;
  const secondAt = firstAt === 0 ? 0 : value.indexOf(" ", firstAt) + 1;
  const kind = firstAt === 0 ? value : value.slice(0, firstAt - 1);
  const first = firstAt === 0 ? "" : value.slice(firstAt, secondAt === 0 ? undefined : secondAt - 1);
  const second = secondAt === 0 ? "" : value.slice(secondAt);
  if (second.includes(" ")) return undefined;
  if (kind === "cancel") return { kind, code: first };
  if (kind === "drain") return { kind };
  if (!NUMBER.test(first)) return undefined;
  const number = Number(first);
  switch (kind) {
    case "data":
      return { kind, seq: number };
    case "text":
    case "binary":
      return { kind, seq: number, hasMore: second === "more" };
    case "end":
    case "break":
      return { kind, seq: number, code: second };
    case "credit":
      return { kind, bytes: number };
    default:
      return undefined;
  }
}

/**
 * Upper bound of the bytes in one frame, and of a body that travels in one message with its head. Below every
 * `max_payload`.
 */
export const MAX_FRAME_BYTES = 64 * 1024;

/**
 * The name of one exchange: `<peer>.<number>`, two subject tokens. The peer is the asking side, whose heartbeat is followed.
 * It sends the token as `Narun-Stream`, and its later frames to `narun.s.<instance>.<token>`.
 */
export function streamToken(peer: string, number: number): string {
  return `${peer}.${number.toString(36)}`;
}

const TOKEN = /^([A-Za-z0-9_-]{1,64})\.[a-z0-9]{1,16}$/;

/** The peer in a token; undefined where the text is no token. */
export function peerOfToken(token: string | undefined): string | undefined {
  return token === undefined ? undefined : TOKEN.exec(token)?.[1];
}

/** How often a peer with open streams says that it is alive. */
export const PEER_HEARTBEAT_MS = 1_000;
/** How long a peer may be silent. Then it counts as gone, and its streams break. */
export const PEER_LOST_MS = 4_000;

/** Bytes that a message of a WebSocket, or a fragment, counts besides its own. So empty messages are bounded, too. */
export const SOCKET_FRAME_OVERHEAD_BYTES = 64;

/** Upper bound of a WebSocket message in either direction: it is whole in memory at each end. */
export const MAX_SOCKET_MESSAGE_BYTES = 1024 * 1024;

/** The close of a WebSocket at a larger message, on either side (RFC 6455, section 7.4.1). */
export const SOCKET_TOO_BIG = {
  code: 1009,
  reason: `a message has at most ${MAX_SOCKET_MESSAGE_BYTES} bytes`,
} as const;
