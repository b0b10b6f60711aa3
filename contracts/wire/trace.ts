/**
 * W3C Trace Context and Baggage: the fields by which a request belongs to a trace. They travel as any other field, in each form
 * of the wire. Everything here is a client's input: it is bounded, and a field that cannot be read counts as absent.
 */
import type { FieldList } from "./field-list.ts";

/** A place in a trace: a span that others can have for a parent. */
export interface TraceContext {
  /** 32 hexadecimal digits, in lower case. */
  readonly traceId: string;
  /** 16 hexadecimal digits, in lower case. */
  readonly spanId: string;
  /** Whether the trace is recorded. */
  readonly isSampled: boolean;
}

/** The fields of a request that belong to its trace. Absent and unreadable ones are undefined. */
export interface TraceFields {
  readonly context: TraceContext | undefined;
  /** The value of `tracestate`, which counts only beside a context. */
  readonly state: string | undefined;
  readonly baggage: string | undefined;
}

export const traceNames = { parent: "traceparent", state: "tracestate", baggage: "baggage" } as const;

const PARENT =
  /^(?<version>[\da-f]{2})-(?<trace>[\da-f]{32})-(?<span>[\da-f]{16})-(?<flags>[\da-f]{2})(?<rest>-.*)?$/;
/** Upper bound of the length of a `traceparent`. Later versions may have more parts behind the known ones. */
const MAX_PARENT_LENGTH = 256;
const UNKNOWN_VERSION = "ff";
const FIRST_VERSION = "00";
const ONLY_ZEROS = /^0+$/;
const SAMPLED = 1;

/** Reads a `traceparent`; undefined where it names no span. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  if (text === undefined || text.length > MAX_PARENT_LENGTH) return undefined;
  const { version, trace = "", span = "", flags = "", rest } = PARENT.exec(text.trim())?.groups ?? {};
  if (version === undefined || version === UNKNOWN_VERSION) return undefined;
  if (version === FIRST_VERSION && rest !== undefined) return undefined;
  if (ONLY_ZEROS.test(trace) || ONLY_ZEROS.test(span)) return undefined;
  return { traceId: trace, spanId: span, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** Writes a `traceparent` of the version that each reader knows. */
export function formatTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}

/** The members of a `tracestate` that a part has to hand on, and the bytes of them that narun does. */
const MAX_STATE_MEMBERS = 32;
const MAX_STATE_LENGTH = 512;
const STATE_MEMBER = /^[a-z\d][a-z\d_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}$/;

/** The value of the lines of `tracestate`; undefined where one member is malformed, or they are too many. */
export function joinTracestate(lines: readonly string[]): string | undefined {
  const members = membersOf(lines);
  if (members.length === 0 || members.length > MAX_STATE_MEMBERS) return undefined;
  if (!members.every((member) => STATE_MEMBER.test(member))) return undefined;
  const text = members.join(",");
  return text.length <= MAX_STATE_LENGTH ? text : undefined;
}

const MAX_BAGGAGE_MEMBERS = 64;
const MAX_BAGGAGE_LENGTH = 8_192;
const BAGGAGE_MEMBER =
  /^[!#$%&'*+\-.^_`|~\dA-Za-z]+[ \t]*=[ \t]*[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*[ \t]*(?:;[\x20-\x2b\x2d-\x7e\t]*)?$/;

/** The value of the lines of `baggage`. Malformed members are left out, and the ones beyond the bounds. */
export function joinBaggage(lines: readonly string[]): string | undefined {
  let text = "";
  let count = 0;
  for (const member of membersOf(lines)) {
    if (count === MAX_BAGGAGE_MEMBERS) break;
    if (text.length + 1 + member.length > MAX_BAGGAGE_LENGTH || !BAGGAGE_MEMBER.test(member)) continue;
    text = text === "" ? member : `${text},${member}`;
    count += 1;
  }
  return text === "" ? undefined : text;
}

/** Upper bound of the bytes that are looked at, of all lines of one field. */
const MAX_LINES_LENGTH = 16 * 1024;

function membersOf(lines: readonly string[]): string[] {
  const text = lines.join(",");
  if (text.length > MAX_LINES_LENGTH) return [];
  return text
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}

/** Reads the fields of a request that belong to its trace. */
export function readTraceFields(fields: FieldList): TraceFields {
  const parents: string[] = [];
  const states: string[] = [];
  const baggage: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? "";
    const value = fields[at + 1] ?? "";
    if (isNamed(name, traceNames.parent)) parents.push(value);
    else if (isNamed(name, traceNames.state)) states.push(value);
    else if (isNamed(name, traceNames.baggage)) baggage.push(value);
  }
  // Two of them contradict each other.
  const context = parents.length === 1 ? parseTraceparent(parents[0]) : undefined;
  return {
    context,
    state: context === undefined ? undefined : joinTracestate(states),
    baggage: joinBaggage(baggage),
  };
}

/** The fields of a request with another place in its trace. `tracestate` goes where the trace is a new one. */
export function withTraceparent(fields: FieldList, parent: string, keepsState: boolean): string[] {
  const changed: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? "";
    if (isNamed(name, traceNames.parent)) continue;
    if (!keepsState && isNamed(name, traceNames.state)) continue;
    changed.push(name, fields[at + 1] ?? "");
  }
  changed.push(traceNames.parent, parent);
  return changed;
}

function isNamed(name: string, lower: string): boolean {
  return name.length === lower.length && name.toLowerCase() === lower;
}
