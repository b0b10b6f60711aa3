import {
  isLiteralSubject,
  isReservedHeader,
  isReservedSubject,
  matchesSubject,
} from "../../../../../contracts/index.ts";
import {
  appendHeader,
  createHeaders,
  type Headers,
  isHeaderSafe,
  type Nats,
  NoReplyError,
} from "../../../../../nats/index.ts";
import { CallError, type HostOperations } from "../host-calls.ts";
import { readBytes, readWhole } from "./arguments.ts";
import type { FindDeclared } from "./declared.ts";

const DEFAULT_TIMEOUT_MS = 5_000;
const MAX_TIMEOUT_MS = 300_000;
const MAX_HEADERS = 100;
const MAX_HEADER_BYTES = 16 * 1024;

/** JetStream's own header by which a stream tells what it has already: of use to whoever publishes. */
const ALLOWED = "nats-msg-id";

export function createPublishOperations(nats: Nats, declared: FindDeclared): HostOperations {
  const readSubject = (name: unknown, subject: unknown): string => {
    const { subjects } = declared("publish", name);
    if (typeof subject !== "string" || !isLiteralSubject(subject)) {
      throw new CallError(
        "TypeError",
        "A subject has tokens between dots, without wildcards and white space",
      );
    }
    if (isReservedSubject(subject) || !subjects.some((pattern) => matchesSubject(pattern, subject))) {
      const message = `${JSON.stringify(subject)} is none of the declared subjects (${subjects.join(", ")})`;
      throw new CallError("BindingError", message);
    }
    return subject;
  };
  const readData = (data: unknown) => readBytes(data, nats.maxPayload - MAX_HEADER_BYTES, "A message");

  return {
    "publish.publish": ([name, subjectValue, data, headers]) => {
      const subject = readSubject(name, subjectValue);
      nats.publish(subject, readData(data), readHeaders(headers));
      return undefined;
    },
    "publish.request": async ([name, subjectValue, data, headers, timeout], { request }) => {
      const subject = readSubject(name, subjectValue);
      const bytes = readData(data);
      const asked =
        readWhole(timeout, { name: "timeoutMs", min: 1, max: MAX_TIMEOUT_MS }) ?? DEFAULT_TIMEOUT_MS;
      const timeoutMs = Math.min(asked, request === undefined ? asked : request.deadline - Date.now());
      try {
        const reply = await nats.request(subject, bytes, { timeoutMs, headers: readHeaders(headers) });
        return [new Uint8Array(reply.data).buffer, pairsOf(reply.headers)];
      } catch (error) {
        if (!(error instanceof NoReplyError)) throw error;
        const why = { "no-responders": "nobody listens", timeout: `no reply within ${timeoutMs} ms` };
        const reason = error.reason === "disconnected" ? "NATS is away" : why[error.reason];
        throw new CallError("BindingError", `${JSON.stringify(subject)}: ${reason}`);
      }
    },
  };
}

/** Names and values alternating. */
function readHeaders(value: unknown): Headers {
  const headers = createHeaders();
  if (!Array.isArray(value)) return headers;
  let size = 0;
  if (value.length > 2 * MAX_HEADERS) throw new CallError("RangeError", `More than ${MAX_HEADERS} headers`);
  for (let index = 0; index + 1 < value.length; index += 2) {
    const [name, text] = [String(value[index]), String(value[index + 1])];
    if (!isHeaderSafe(name, text) || (isReservedHeader(name) && name.toLowerCase() !== ALLOWED)) {
      throw new CallError("TypeError", `The header ${JSON.stringify(name.slice(0, 100))} cannot be sent`);
    }
    size += name.length + Buffer.byteLength(text) + 4;
    if (size > MAX_HEADER_BYTES) {
      throw new CallError("RangeError", `The headers have more than ${MAX_HEADER_BYTES} bytes`);
    }
    appendHeader(headers, name, text);
  }
  return headers;
}

function pairsOf(headers: Headers | undefined): string[] {
  return [...(headers ?? [])].flatMap(([name, values]) => [name, values.join(", ")]);
}
