import { type ErrorCode, headerNames, isErrorCode } from "../../../../contracts/index.ts";
import { headerValue, type Message } from "../../../../nats/index.ts";
import type { Data } from "../../../../web/index.ts";
import { headerBlockOf } from "../../../instance/header-block.ts";

/** A response, as it enters the isolate: what `fetch` gives there, too. */
export interface ServiceAnswer {
  [key: string]: Data;
  status: number;
  statusText: string;
  headerBlock: string;
  /** A number is the id of a stream. */
  body: ArrayBuffer | number | undefined;
}

const WITHOUT_BODY = new Set([204, 205, 304]);

/** The response that a reply stands for, as a gateway reads one (docs/wire.md, "Reply"). */
export function answerOf(
  { headers = new Map(), data }: Message,
  method: string,
  failed: (code: ErrorCode) => ServiceAnswer,
): ServiceAnswer {
  const code = headerValue(headers, headerNames.error);
  if (isErrorCode(code)) return failed(code);
  if (headers.has(headerNames.serviceErrorCode) || headers.has(headerNames.serviceError)) {
    return failed("SERVICE_ERROR");
  }
  const text = headerValue(headers, headerNames.responseStatus);
  const status = text !== undefined && /^[2-5]\d\d$/.test(text) ? Number(text) : 200;
  const hasBody = !WITHOUT_BODY.has(status) && method !== "HEAD";
  // A copy: a message's bytes share their memory with its neighbours'.
  const body = hasBody ? new Uint8Array(data).buffer : undefined;
  return { status, statusText: "", headerBlock: headerBlockOf(headers), body };
}
