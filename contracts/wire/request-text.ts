/**
 * A request's head as one text (socket-head.ts), with what `encodeRequest` puts into the headers of a message: both carriers
 * tell an instance the same.
 */
import { type FieldList, isPlain } from "./field-list.ts";
import { fieldName } from "./field-names.ts";
import {
  CALLER_FIELD,
  type ClientFacts,
  type DecodedRequest,
  decodeRequest,
  encodeRequest,
  FROM_CLIENT,
  FROM_FUNCTION,
  type RequestFacts,
} from "./header-mode.ts";
import { headerNames } from "./header-names.ts";
import { headerValue, isByteLine, type WireMessage } from "./headers.ts";
import { formatRequestHead, isHeadLine } from "./socket-head.ts";

/**
 * The head of a request; undefined where its target or a field cannot be sent, as with `encodeRequest`. `client`: it came over
 * HTTP. Undefined: a function calls.
 */
export function encodeRequestText(facts: RequestFacts, client: ClientFacts | undefined): string | undefined {
  const { method, rawPath, query, host, scheme, requestId = "" } = facts;
  if (!(isLine(rawPath) && isLine(query) && isLine(host))) return undefined;
  const fields = blockOf(facts.fields, client === undefined ? REPLACED : FROM_CLIENT);
  if (fields === "refused") return undefined;
  if (fields === "unusual") return textByHeaders(facts, client);
  const called = facts.caller === undefined ? "" : `${CALLER_FIELD}\n${facts.caller}\n`;
  const { remoteAddress = "" } = client ?? {};
  const about = `${called}${aboutClient(client, host)}x-forwarded-proto\n${scheme}\n`;
  return `${method}\n${scheme}\n${host}\n${rawPath}\n${query}\n${requestId}\n${remoteAddress}\n${fields}${about}`;
}

function aboutClient(client: ClientFacts | undefined, host: string): string {
  if (client === undefined) return "";
  const forwardedHost = host === "" ? "" : `x-forwarded-host\n${host}\n`;
  return `x-forwarded-for\n${client.address}\n${forwardedHost}`;
}

/** The fields of a function's request that are not its own to say. */
const REPLACED: ReadonlySet<string> = new Set([...FROM_FUNCTION, "x-forwarded-proto"]);

/** The head of a request that came as a message; undefined where a text cannot carry it. */
export function requestTextOf(message: WireMessage, service: string): string | undefined {
  const remoteAddress = headerValue(message.headers, headerNames.remoteAddress) ?? "";
  return textOf(decodeRequest(message, service), remoteAddress);
}

function isLine(text: string): boolean {
  return isPlain(text) || isByteLine(text);
}

/** These values name no further field. */
const USUAL_CONNECTION = /^(keep-alive|close|upgrade)?$/i;

/** The block of a client's fields. `unusual`: fields have to be joined, or left out by the word of another. */
function blockOf(fields: FieldList, omitted: ReadonlySet<string>): string | "refused" | "unusual" {
  let block = "";
  let hasCookie = false;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const { lower, kind } = fieldName(fields[at] ?? "");
    const value = fields[at + 1] ?? "";
    if (kind === "invalid") return "refused";
    if (kind === "connection" && !USUAL_CONNECTION.test(value)) return "unusual";
    if (kind !== "travels" || omitted.has(lower)) continue;
    if (!isLine(value)) return "refused";
    if (lower === "cookie") {
      if (hasCookie) return "unusual";
      hasCookie = true;
    }
    block += `${lower}\n${value}\n`;
  }
  return block;
}

const NO_BYTES = new Uint8Array();

function textByHeaders(facts: RequestFacts, client: ClientFacts | undefined): string | undefined {
  const headers = encodeRequest(facts, client === undefined ? {} : { client });
  return headers && textOf(decodeRequest({ headers, data: NO_BYTES }, ""), client?.remoteAddress ?? "");
}

function textOf(request: DecodedRequest, remoteAddress: string): string | undefined {
  const { method, scheme, host, rawPath, query, requestId = "", fields } = request;
  const lines = [method, host, rawPath, query, remoteAddress, ...fields];
  if (method === "" || !lines.every(isHeadLine)) return undefined;
  const block = fields.length === 0 ? "" : `${fields.join("\n")}\n`;
  return formatRequestHead({ method, scheme, host, rawPath, query, requestId, remoteAddress, block });
}
