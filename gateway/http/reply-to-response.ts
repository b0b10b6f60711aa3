import { type DecodedReply, SWITCHING_PROTOCOLS } from "../../contracts/index.ts";
import type { Reply } from "../../dispatch/index.ts";
import { type Destination, failureResponse, type GatewayResponse } from "./gateway-response.ts";
import type { StreamHead } from "./stream-response.ts";

/** The HTTP answer to a consumer's reply. */
export function toResponse(
  reply: Reply,
  method: string,
  requestId: string,
  destination: Destination,
): GatewayResponse {
  const read = reply.read();
  switch (read.kind) {
    case "failed":
      return failureResponse(read.code, requestId, destination, { limit: read.limit });
    case "service-error":
      return failureResponse("SERVICE_ERROR", requestId, destination, { status: read.status });
    case "response":
      return answerOf(read, reply.data, method) ?? failureResponse("BAD_REPLY", requestId, destination);
  }
}

/** The head of an answer whose body follows in frames; undefined where HTTP cannot carry it. */
export function toStreamHead(reply: Reply): StreamHead | undefined {
  const read = reply.read();
  if (read.kind !== "response" || !read.isValid) return undefined;
  const { status, fields, announcedLength } = read;
  const length =
    announcedLength !== undefined && /^\d{1,15}$/.test(announcedLength) ? Number(announcedLength) : undefined;
  return { status, headers: fields, length };
}

function answerOf(
  { status, fields, announcedLength, isValid }: Extract<DecodedReply, { kind: "response" }>,
  data: Uint8Array,
  method: string,
): GatewayResponse | undefined {
  // Only a stream switches protocols: on a connection that stays HTTP, the client would lose its place.
  if (!isValid || status === SWITCHING_PROTOCOLS) return undefined;
  if (status === 204 || status === 304) return { status, headers: fields, body: undefined };
  if (method === "HEAD") {
    const length = lengthOfHead(announcedLength, data);
    if (length !== undefined) fields.push("Content-Length", length);
    return { status, headers: fields, body: undefined };
  }
  fields.push("Content-Length", String(data.length));
  return { status, headers: fields, body: data };
}

/** The length that GET would have had: the announced one, or that of a body that came in spite of HEAD. */
function lengthOfHead(announced: string | undefined, data: Uint8Array): string | undefined {
  if (announced !== undefined && /^\d+$/.test(announced)) return announced;
  return data.length > 0 ? String(data.length) : undefined;
}
