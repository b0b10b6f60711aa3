import type { FieldList, TraceFields } from "../../../../contracts/index.ts";
import { CallHead } from "../../../calls/call-head.ts";
import { fieldsOfBlock } from "../../../instance/header-block.ts";
import { traceToHandOn } from "../handed-on-trace.ts";

/** A request to another function, as the isolate hands it over. */
export interface OutgoingCall {
  method: string;
  url: URL;
  headerBlock: string;
  /** A number is the id of the isolate's stream. */
  body: Uint8Array | string | number;
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

function bodyOf(body: unknown): OutgoingCall["body"] | undefined {
  if (body === undefined) return "";
  if (typeof body === "number" || typeof body === "string") return body;
  return body instanceof ArrayBuffer ? new Uint8Array(body) : undefined;
}

/** The head of the call; undefined where a field cannot be sent. */
export function headOf(
  { method, url, headerBlock }: OutgoingCall,
  {
    requestId,
    hops,
    caller,
    trace,
  }: { requestId: string; hops: number; caller: string; trace?: TraceFields | undefined },
): CallHead | undefined {
  const head = new CallHead({
    method,
    rawPath: url.pathname,
    query: url.search.slice(1),
    host: url.host,
    scheme: url.protocol === "https:" ? "https" : "http",
    fields: withTrace(fieldsOfBlock(headerBlock), trace),
    requestId,
    hops,
    caller,
  });
  return head.isSendable ? head : undefined;
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
