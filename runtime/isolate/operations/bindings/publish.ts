import {
  isLiteralSubject,
  isNarunError,
  isReservedHeader,
  isReservedSubject,
  matchesSubject,
  type TraceFields,
} from "../../../../contracts/index.ts";
import {
  appendHeader,
  createHeaders,
  type Headers,
  isHeaderSafe,
  NoReplyError,
} from "../../../../nats/index.ts";
import { CallError, type HostOperations } from "../../process/host-calls.ts";
import { traceToHandOn } from "../handed-on-trace.ts";
import { readPairs, readWhole } from "./arguments.ts";
import type { BindingContext } from "./binding-context.ts";
import { createLargeValues } from "./large-values.ts";
import { createSealedSends } from "./sealed-sends.ts";

const DEFAULT_TIMEOUT_MS = 5_000;
const MAX_TIMEOUT_MS = 300_000;
const MAX_HEADER_BYTES = 16 * 1024;

/** The one header of NATS that functions may set: JetStream drops duplicates by it. */
const ALLOWED = "nats-msg-id";

export function createPublishOperations({
  streams: { nats },
  declared,
  sealer,
}: BindingContext): HostOperations {
  const readSubject = (name: unknown, subject: unknown): string => {
    const { subjects } = declared("publish", name);
    if (typeof subject !== "string" || !subject.isWellFormed() || !isLiteralSubject(subject)) {
      throw new CallError(
        "TypeError",
        "A subject has tokens between dots, without wildcards, white space and lone surrogates",
      );
    }
    if (isReservedSubject(subject) || !subjects.some((pattern) => matchesSubject(pattern, subject))) {
      const message = `${JSON.stringify(subject)} is none of the declared subjects (${subjects.join(", ")})`;
      throw new CallError("BindingError", message);
    }
    return subject;
  };
  const sealed = createSealedSends({ declared, sealer });
  const large = createLargeValues(nats.maxPayload);
  const limits = { maxBytes: nats.maxPayload - MAX_HEADER_BYTES, label: "A message" };

  return {
    "publish.publish": ([name, subjectValue, data, headerValues], context) => {
      const subject = readSubject(name, subjectValue);
      const headers = withTrace(readHeaders(headerValues), context.trace);
      const send = (bytes: Uint8Array) => nats.publish(subject, bytes, headers);
      const sends = sealed.of(name);
      if (sends === undefined)
        return large.accept(data, limits, context, (bytes) => {
          send(bytes);
          return undefined;
        });
      const bounds = { ...limits, maxBytes: sends.fitting(limits.maxBytes) };
      return large.accept(data, bounds, context, (bytes) => sends.send(subject, bytes, send));
    },
    "publish.request": async ([name, subjectValue, data, headerValues, timeout], context) => {
      const { request } = context;
      const subject = readSubject(name, subjectValue);
      if (sealed.of(name) !== undefined)
        throw new CallError("NotSupportedError", "a publisher with `seal` sends messages, and no requests");
      const headers = withTrace(readHeaders(headerValues), context.trace);
      const asked =
        readWhole(timeout, { name: "timeoutMs", min: 1, max: MAX_TIMEOUT_MS }) ?? DEFAULT_TIMEOUT_MS;
      const leftMs = request === undefined ? asked : Math.ceil(request.endsAtMs - performance.now());
      const timeoutMs = Math.min(asked, leftMs);
      try {
        const reply = await large.accept(data, limits, context, (bytes) =>
          nats.request(subject, bytes, { timeoutMs, headers }),
        );
        const { value } = await large.deliver(
          context,
          async () => reply,
          ({ data: bytes }) => bytes,
        );
        if (!reply.isReadable)
          throw new CallError(
            "BindingError",
            `${JSON.stringify(subject)}: the reply's header fields cannot be read`,
          );
        return [value, pairsOf(reply.headers)];
      } catch (error) {
        if (isNarunError(error, "NATS_PERMISSIONS_VIOLATION"))
          throw new CallError(
            "BindingError",
            `${JSON.stringify(subject)}: NATS does not permit it to this node`,
          );
        if (!(error instanceof NoReplyError)) throw error;
        const why = { "no-responders": "no subscriber", timeout: `no reply within ${timeoutMs} ms` };
        const reason = error.reason === "disconnected" ? "NATS is away" : why[error.reason];
        throw new CallError("BindingError", `${JSON.stringify(subject)}: ${reason}`);
      }
    },
  };
}

function readHeaders(value: unknown): Headers {
  const headers = createHeaders();
  for (const [name, text] of readPairs(value, { maxBytes: MAX_HEADER_BYTES, label: "headers" })) {
    if (!isHeaderSafe(name, text) || (isReservedHeader(name) && name.toLowerCase() !== ALLOWED)) {
      throw new CallError("TypeError", `The header ${JSON.stringify(name.slice(0, 100))} cannot be sent`);
    }
    appendHeader(headers, name, text);
  }
  return headers;
}

/** Names of a message's headers are compared exactly: the fields of a trace are in lower case, as OpenTelemetry writes them. */
function withTrace(headers: Headers, trace: TraceFields | undefined): Headers {
  if (trace === undefined) return headers;
  const names = [...headers.keys()];
  const nameOf = (lower: string) => names.find((name) => name.toLowerCase() === lower);
  const given = (lower: string) => headers.get(nameOf(lower) ?? lower)?.[0];
  for (const [name, value] of traceToHandOn(trace, given, { hasBaggage: true })) {
    headers.delete(nameOf(name) ?? name);
    headers.set(name, [value]);
  }
  return headers;
}

function pairsOf(headers: Headers | undefined): string[] {
  return [...(headers ?? [])].flatMap(([name, values]) => [name, values.join(", ")]);
}
