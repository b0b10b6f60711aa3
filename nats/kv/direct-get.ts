/**
 * Reads the last value of a key by a direct get (NATS ADR-31), as the client library does, by our own requests: those of one
 * turn leave in one write, and their replies cost no objects of the library.
 *
 * I1  An answer that is not clear says nothing: no such stream, no permission for this subject, a field that cannot be read.
 *     The caller asks again by the client library, whose errors tell these apart.
 */
import { TimeoutError } from "@nats-io/transport-node";
import type { Nats } from "../connection.ts";
import { createHeaders, type Headers } from "../headers.ts";
import type { Message } from "../message.ts";
import type { ByteEntry } from "./byte-entry.ts";
import { MARKER_REASON, OPERATION } from "./byte-kv-bucket.ts";

export type DirectRead = { found: ByteEntry | undefined } | "unclear";

/** As the client library's own. */
const TIMEOUT_MS = 5_000;
const NO_MESSAGE_STATUS = 404;
const SEQUENCE = "Nats-Sequence";
const TIME = "Nats-Time-Stamp";

const NO_HEADERS = createHeaders();

const ABSENT: DirectRead = { found: undefined };

/** Rejects with the client library's TimeoutError where no answer comes. */
export function readDirect(
  nats: Pick<Nats, "send">,
  { stream, subject, timeoutMs = TIMEOUT_MS }: { stream: string; subject: string; timeoutMs?: number },
): Promise<DirectRead> {
  return new Promise((resolve, reject) => {
    const settle = (read: DirectRead) => {
      clearTimeout(timer);
      pending.release();
      resolve(read);
    };
    const pending = nats.send(
      `$JS.API.DIRECT.GET.${stream}.${subject}`,
      "",
      NO_HEADERS,
      (message) => settle(readAnswer(message)),
      () => settle("unclear"),
    );
    const timer = setTimeout(() => {
      pending.release();
      reject(new TimeoutError());
    }, timeoutMs);
  });
}

function readAnswer(message: Message): DirectRead {
  const { status, headers, data } = message;
  if (status === NO_MESSAGE_STATUS) return ABSENT;
  if (status !== 0 || headers === undefined) return "unclear";
  if (headers.has(OPERATION) || headers.has(MARKER_REASON)) return ABSENT;
  const revision = Number(lastOf(headers, SEQUENCE));
  const createdAt = new Date(lastOf(headers, TIME));
  const isWhole = revision > 0 && !Number.isNaN(createdAt.getTime());
  return isWhole ? { found: { bytes: data, revision, createdAt } } : "unclear";
}

/** The server adds its fields behind those of the message, which its writer chose. */
function lastOf(headers: Headers, name: string): string {
  return headers.get(name)?.at(-1) ?? "";
}
