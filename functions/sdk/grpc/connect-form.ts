/** How requests of Connect are told from others. The protocol itself comes with its first call (connect-protocol.ts). */
import type { Codec } from "./message-codec.ts";

export interface ConnectForm {
  readonly codec: Codec;
  readonly isStream: boolean;
  /** A GET, whose message is in the query. */
  readonly query?: URLSearchParams;
}

const FORM = /^application\/(?<stream>connect\+)?(?<codec>proto|json)\s*(?:;.*)?$/;

/** How a request frames a call. Undefined: it is not of Connect. */
export function connectFormOf(contentType: string): ConnectForm | undefined {
  const groups = FORM.exec(contentType)?.groups;
  if (groups === undefined) return undefined;
  return { codec: groups.codec === "json" ? "json" : "proto", isStream: groups.stream !== undefined };
}

/** The form of a GET by its query. Undefined: it has no message of Connect. */
export function connectGetFormOf(query: URLSearchParams): ConnectForm | undefined {
  const encoding = query.get("encoding");
  if ((encoding !== "proto" && encoding !== "json") || !query.has("message")) return undefined;
  return { codec: encoding, isStream: false, query };
}

/** `connect-timeout-ms`. Undefined for none, and for a value of another form. */
export function connectTimeoutMs(value: string | null): number | undefined {
  return value !== null && /^\d{1,10}$/.test(value) ? Number(value) : undefined;
}
