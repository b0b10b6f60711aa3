import {
  decodeReply,
  type ErrorCode,
  type FieldReading,
  NO_FIELDS,
  SWITCHING_PROTOCOLS,
} from "../../../../contracts/index.ts";
import type { Data } from "../../../../web/index.ts";
import type { Told } from "../../../calls/service-calls.ts";
import { bodyOf } from "../../../instance/body-of.ts";
import { blockOfFields } from "../../../instance/header-block.ts";

/** A response, as it enters the isolate: what `fetch` gives there, too. */
export interface ServiceAnswer {
  [key: string]: Data;
  status: number;
  statusText: string;
  headerBlock: string;
  /** A number is the id of a stream. */
  body: string | ArrayBuffer | number | undefined;
}

const READING: FieldReading = { names: "lower", omitted: NO_FIELDS };

const WITHOUT_BODY = new Set([204, 205, 304]);

/** The response that a reply stands for. A call asks for no WebSocket, so a switch of protocols is none. */
export function answerOf(
  told: Told,
  method: string,
  failed: (code: ErrorCode) => ServiceAnswer,
): ServiceAnswer {
  const whole = "reply" in told ? told.reply.block?.() : undefined;
  if (whole !== undefined && "reply" in told)
    return answerWith(whole.status, whole.block, told.reply.text ?? told.reply.data, method);
  const { data } = "reply" in told ? told.reply : told.message;
  const reply = decodeReply(
    "reply" in told ? { headers: told.reply.headers(), data } : told.message,
    READING,
  );
  if (reply.kind === "failed") return failed(reply.code);
  if (reply.kind === "service-error") return failed("SERVICE_ERROR");
  const { status, fields } = reply;
  if (status === SWITCHING_PROTOCOLS) return failed("BAD_REPLY");
  return answerWith(status, blockOfFields(fields), data, method);
}

function answerWith(
  status: number,
  headerBlock: string,
  data: Uint8Array | string,
  method: string,
): ServiceAnswer {
  const hasBody = !WITHOUT_BODY.has(status) && method !== "HEAD";
  const body = hasBody ? (bodyOf(data) ?? "") : undefined;
  return { status, statusText: "", headerBlock, body };
}
