import {
  decodeReply,
  type ErrorCode,
  type FieldReading,
  NO_FIELDS,
  SWITCHING_PROTOCOLS,
} from "../../../../contracts/index.ts";
import type { Message } from "../../../../nats/index.ts";
import type { Data } from "../../../../web/index.ts";
import { blockOfFields } from "../../../instance/header-block.ts";

/** A response, as it enters the isolate: what `fetch` gives there, too. */
export interface ServiceAnswer {
  [key: string]: Data;
  status: number;
  statusText: string;
  headerBlock: string;
  /** A number is the id of a stream. */
  body: ArrayBuffer | number | undefined;
}

const READING: FieldReading = { names: "lower", omitted: NO_FIELDS };

const WITHOUT_BODY = new Set([204, 205, 304]);

/** The response that a reply stands for. A call asks for no WebSocket, so a switch of protocols is none. */
export function answerOf(
  message: Message,
  method: string,
  failed: (code: ErrorCode) => ServiceAnswer,
): ServiceAnswer {
  const reply = decodeReply(message, READING);
  if (reply.kind === "failed") return failed(reply.code);
  if (reply.kind === "service-error") return failed("SERVICE_ERROR");
  const { status, fields } = reply;
  if (status === SWITCHING_PROTOCOLS) return failed("BAD_REPLY");
  const hasBody = !WITHOUT_BODY.has(status) && method !== "HEAD";
  // A copy: a message's bytes share their memory with its neighbours'.
  const body = hasBody ? new Uint8Array(message.data).buffer : undefined;
  return { status, statusText: "", headerBlock: blockOfFields(fields), body };
}
