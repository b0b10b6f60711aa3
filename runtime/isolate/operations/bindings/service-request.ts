import {
  encodeRequest,
  type FieldList,
  type Headers,
  type TraceFields,
} from "../../../../contracts/index.ts";
import { fieldsOfBlock } from "../../../instance/header-block.ts";
import { traceToHandOn } from "../handed-on-trace.ts";

/** A request to another function, as the isolate hands it over. */
export interface OutgoingCall {
  method: string;
  url: URL;
  headerBlock: string;
  /** A number is the id of the isolate's stream. */
  body: Uint8Array | number;
}

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
const MAX_HEADER_BYTES = 256 * 1024;
const MAX_URL_LENGTH = 64 * 1024;

/** Reads a call; undefined where it is no request. All of it is user input. */
export function readCall([method, url, headerBlock, body]: readonly unknown[]): OutgoingCall | undefined {
  if (typeof method !== "string" || !METHOD.test(method)) return undefined;
  if (typeof headerBlock !== "string" || headerBlock.length > MAX_HEADER_BYTES) return undefined;
  const parsed = typeof url === "string" && url.length <= MAX_URL_LENGTH ? URL.parse(url) : null;
  if (parsed === null) return undefined;
  const content = bodyOf(body);
  return content === undefined ? undefined : { method, url: parsed, headerBlock, body: content };
}

function bodyOf(body: unknown): Uint8Array | number | undefined {
  if (body === undefined) return new Uint8Array();
  if (typeof body === "number") return body;
  if (typeof body === "string") return Buffer.from(body);
  return body instanceof ArrayBuffer ? new Uint8Array(body) : undefined;
}

/** The headers of the call's message; undefined where a field cannot be sent. */
export function messageHeaders(
  { method, url, headerBlock }: OutgoingCall,
  {
    requestId,
    endsAtMs,
    hops,
    caller,
    trace,
  }: { requestId: string; endsAtMs: number; hops: number; caller: string; trace?: TraceFields | undefined },
): Headers | undefined {
  const facts = {
    method,
    rawPath: url.pathname,
    query: url.search.slice(1),
    host: url.host,
    scheme: url.protocol === "https:" ? "https" : "http",
    fields: withTrace(fieldsOfBlock(headerBlock), trace),
    requestId,
    hops,
    caller,
  } as const;
  return encodeRequest(facts, { timeoutMs: endsAtMs - performance.now() });
}

function withTrace(fields: FieldList, trace: TraceFields | undefined): FieldList {
  if (trace === undefined) return fields;
  const pairs = fields.flatMap((name, at): [string, string][] =>
    at % 2 === 0 && at + 1 < fields.length ? [[name, fields[at + 1] ?? ""]] : [],
  );
  const given = (name: string) => pairs.find(([other]) => other.toLowerCase() === name)?.[1];
  const added = traceToHandOn(trace, given, { hasBaggage: true });
  const isAdded = (name: string) => added.some(([other]) => other === name.toLowerCase());
  return [...pairs.filter(([name]) => !isAdded(name)), ...added].flat();
}
