import {
  callFields,
  type DecodedReply,
  decodeReply,
  type EndedCall,
  type FieldReading,
  type Headers,
  type StoredReply,
} from "../../contracts/index.ts";
import type { Calls } from "../../nats/index.ts";
import { type Destination, failureResponse, type GatewayResponse } from "../http/gateway-response.ts";
import { toResponse } from "../http/reply-to-response.ts";

/** As the door of HTTP reads replies: it writes these two fields itself. */
const READING: FieldReading = { names: "as-sent", omitted: new Set(["content-length", "x-request-id"]) };

/** The answer that the function gave, or the error that its client would have got. */
export async function responseOfCall(
  calls: Calls,
  record: EndedCall,
  { requestId, method, destination }: { requestId: string; method: string; destination: Destination },
): Promise<GatewayResponse> {
  const response =
    record.state === "failed"
      ? failureResponse(record.code, requestId, destination)
      : toResponse(await readReply(calls, record.reply), methodOf(record, method), requestId, destination);
  response.headers.push("Async-State", record.state, callFields.attempt, String(record.attempts));
  return response;
}

/** A result is asked for with GET, also that of a POST. A HEAD has no body in both cases. */
function methodOf(record: EndedCall, asked: string): string {
  return asked === "HEAD" ? asked : record.method;
}

async function readReply(calls: Calls, { headers: fields, data: text, object }: StoredReply) {
  const headers: Headers = new Map(fields);
  const data = object === undefined ? Buffer.from(text ?? "", "base64") : await calls.bodies.read(object);
  return {
    data,
    isError: false,
    read: (): DecodedReply => decodeReply({ headers, data }, READING),
    headers: () => new Map(headers),
  };
}
