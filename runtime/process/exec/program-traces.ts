/**
 * The spans of a program's requests. The program finds the place of its span as `traceparent`, in the form in which the request
 * came: as a header of NATS, or in binary HTTP.
 *
 * I1  Nothing is looked at where the node exports no spans, and a request without a recorded trace is handed on as it came.
 */
import {
  type FieldList,
  headerNames,
  readBhttpRequest,
  readBhttpResponse,
  traceNames,
  withTraceparent,
  writeBhttpRequest,
} from "../../../contracts/index.ts";
import type { GuestMessage, TraceGuest } from "../../../nats/index.ts";
import { blockOfFields, fieldsOfBlock } from "../../instance/header-block.ts";
import { InstanceTraces, type InstanceTracesOptions } from "../../instance/instance-traces.ts";

const PARENT = /^traceparent:(.*)$/im;
const BINARY = /^content-type: *application\/bhttp *$/im;

/** Undefined: the node exports no spans. */
export function traceProgram(options: InstanceTracesOptions): TraceGuest | undefined {
  if (options.spans === undefined) return undefined;
  const traces = new InstanceTraces(options);
  let last = 0;
  return (message) => {
    const request = readRequest(message);
    if (request === undefined) return undefined;
    const id = ++last;
    const before = blockOfFields(request.fields);
    const incoming = { headerBlock: before, requestId: "" };
    traces.open(id, incoming);
    const changed =
      incoming.headerBlock === before ? undefined : request.write(fieldsOfBlock(incoming.headerBlock));
    if (changed === undefined) {
      traces.forget(id);
      return undefined;
    }
    return {
      ...changed,
      over(answer) {
        const isAnswer = typeof answer === "object";
        const status = isAnswer ? statusOf(answer) : undefined;
        traces.over(id, { method: request.method, status, error: isAnswer ? undefined : ENDS[answer] });
        traces.forget(id);
      },
    };
  };
}

const ENDS = { lost: "CONSUMER_DIED", late: "DEADLINE_EXCEEDED" } as const;

interface TracedRequest {
  method: string;
  /** Those of the trace, or all of binary HTTP. */
  fields: FieldList;
  /** The message with other fields of the trace; undefined where it has no room for them. */
  write(fields: FieldList): GuestMessage | undefined;
}

function readRequest({ head, body }: GuestMessage): TracedRequest | undefined {
  if (PARENT.test(head)) {
    const [, method = "POST"] = /^x-original-method: *(\S+)/im.exec(head) ?? [];
    return {
      method,
      fields: linesOf(head),
      write: (fields) => ({ head: withLine(head, parentIn(fields)), body }),
    };
  }
  const read = BINARY.test(head) ? readBhttpRequest(body) : undefined;
  if (read?.ok !== true) return undefined;
  const { message } = read;
  return {
    method: message.method,
    fields: message.fields,
    write(fields) {
      const bytes = writeBhttpRequest({
        ...message,
        fields: withTraceparent(message.fields, parentIn(fields), true),
      });
      return bytes === undefined ? undefined : { head, body: bytes };
    },
  };
}

/** The fields of the trace in a block of NATS headers. */
function linesOf(head: string): string[] {
  return head.split("\r\n").flatMap((line) => {
    const at = line.indexOf(":");
    const name = line.slice(0, Math.max(0, at)).toLowerCase();
    return NAMES.has(name) ? [name, line.slice(at + 1).trim()] : [];
  });
}

const NAMES: ReadonlySet<string> = new Set(Object.values(traceNames));

function parentIn(fields: FieldList): string {
  return fields[fields.lastIndexOf(traceNames.parent) + 1] ?? "";
}

function withLine(head: string, parent: string): string {
  return head.replace(PARENT, (line) => `${line.slice(0, traceNames.parent.length)}: ${parent}`);
}

/** Programs that answer in header mode need not tell a status. */
function statusOf({ head, body }: GuestMessage): number | undefined {
  const [, told] = STATUS.exec(head) ?? [];
  if (told !== undefined) return Number(told);
  if (head !== "" && !BINARY.test(head)) return undefined;
  const read = readBhttpResponse(body);
  return read.ok ? read.message.status : undefined;
}

const STATUS = new RegExp(`^(?:${headerNames.responseStatus}|Nats-Service-Error-Code): *(\\d{3}) *$`, "im");
