/** The body of a trigger's request (contracts/wire/trigger.ts): a line of JSON, and the bytes of the messages after it. */

/** Bytes → text, by UTF-8. */
export type DecodeUtf8 = (bytes: Uint8Array<ArrayBuffer>) => string;

/** A message, as its head describes it. */
export interface MessageHead {
  id: string;
  subject: string;
  timestamp: number;
  attempts: number;
  headers: Record<string, string[]>;
  bytes: number;
}

export interface TriggerHead {
  cron?: string;
  scheduledTime?: number;
  name?: string;
  id?: string;
  attempts?: number;
  input?: unknown;
  queue?: string;
  wantsReply?: boolean;
  messages?: MessageHead[];
}

const LINE_FEED = 10;

/** Narun itself wrote the body: a head that is none ends in an error. */
export function readTriggerBody(
  body: Uint8Array<ArrayBuffer>,
  decodeUtf8: DecodeUtf8,
): {
  head: TriggerHead;
  messages: { head: MessageHead; data: Uint8Array<ArrayBuffer> }[];
} {
  const end = body.indexOf(LINE_FEED);
  const head = JSON.parse(decodeUtf8(body.subarray(0, end))) as TriggerHead;
  let at = end + 1;
  const messages = (head.messages ?? []).map((one) => {
    const data = body.subarray(at, at + one.bytes);
    at += one.bytes;
    return { head: one, data };
  });
  return { head, messages };
}
