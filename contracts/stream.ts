/**
 * Bodies that do not fit into one message: frames, each a message with one header, `Narun-Frame` (docs/wire.md, "Streams").
 *
 * I1  `data`, `text`, `binary`, `end` and `break` of one direction carry a sequence number, from 0, without gaps: NATS
 *     keeps the order of one publisher on one subject, so a gap means that something was lost, and the stream is broken.
 * I2  The sender never has more bytes under way than the receiver granted, and starts with none.
 * I3  A stream ends once: by its sender's `end` or `break`, or by its receiver's `cancel`.
 */
import { headerNames } from "./wire/header-names.ts";

/** What a frame says. */
export type Frame =
  /** Bytes of a body. */
  | { kind: "data"; seq: number }
  /** A message of a WebSocket; `hasMore`: its next fragment follows. */
  | { kind: "text" | "binary"; seq: number; hasMore: boolean }
  /** The body is whole. What else the message has as headers are trailers. `code`: of a WebSocket's close, the data its reason. */
  | { kind: "end"; seq: number; code: string }
  /** The body is not whole, and nothing more of it comes. `code`: of the error catalogue. */
  | { kind: "break"; seq: number; code: string }
  /** Room for so many more bytes. */
  | { kind: "credit"; bytes: number }
  /** Nobody wants the rest. */
  | { kind: "cancel"; code: string }
  /** The asking side drains: an answer that can end had better do so. */
  | { kind: "drain" };

/**
 * The header block of a data frame, up to its number: nothing else stands in it, so that it is known without being parsed.
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

/** Undefined for what is no frame that this version knows. */
export function parseFrame(value: string): Frame | undefined {
  const [kind, first = "", second = "", ...rest] = value.split(" ");
  if (rest.length > 0) return undefined;
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

/** The most bytes in one frame, and of a body that travels with its head in one message. Below every `max_payload`. */
export const MAX_FRAME_BYTES = 64 * 1024;

/**
 * Names one exchange: `<peer>.<number>`, two subject tokens. The peer is who can stream (a gateway), for its heartbeat.
 * Whoever asks sends it as `Narun-Stream`; what it has to say later goes to `narun.s.<instance>.<token>`.
 */
export function streamToken(peer: string, number: number): string {
  return `${peer}.${number.toString(36)}`;
}

const TOKEN = /^([A-Za-z0-9_-]{1,64})\.[a-z0-9]{1,16}$/;

/** The peer in a token; undefined where it is none. */
export function peerOfToken(token: string | undefined): string | undefined {
  return token === undefined ? undefined : TOKEN.exec(token)?.[1];
}

/** How often a peer with open streams says that it is alive. */
export const PEER_HEARTBEAT_MS = 1_000;
/** A peer that is silent for so long is gone, and its streams with it. */
export const PEER_LOST_MS = 4_000;

/** What a message of a WebSocket, or a fragment of one, counts for beside its bytes: empty ones are bounded, too. */
export const SOCKET_FRAME_OVERHEAD_BYTES = 64;

/** The largest message of a WebSocket, either way: it is whole in memory at each end. */
export const MAX_SOCKET_MESSAGE_BYTES = 1024 * 1024;

/** How a WebSocket ends at a larger one, on either side (RFC 6455, section 7.4.1). */
export const SOCKET_TOO_BIG = {
  code: 1009,
  reason: `a message has at most ${MAX_SOCKET_MESSAGE_BYTES} bytes`,
} as const;
