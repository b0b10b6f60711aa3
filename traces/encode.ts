/**
 * Spans as `ExportTraceServiceRequest` of OTLP 1, in protobuf. The numbers stand in `opentelemetry/proto/trace/v1/trace.proto`
 * and its neighbours.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Span } from "./span.ts";

/** Attributes of each resource, beside the name of its service. */
export type ResourceAttributes = Readonly<Record<string, string>>;

const SCOPE = "narun";
/** The low byte of a span's flags is that of `traceparent`. */
const SAMPLED = 1;
const STATUS_ERROR = 2;
const NS_PER_MS = 1_000_000n;

export function encodeSpans(spans: readonly Span[], attributes: ResourceAttributes): Uint8Array<ArrayBuffer> {
  const byService = Map.groupBy(spans, ({ service }) => service);
  const writer = new BinaryWriter();
  for (const [service, own] of byService) {
    message(writer, 1, () => {
      message(writer, 1, () => {
        attribute(writer, 1, "service.name", service);
        for (const [name, value] of Object.entries(attributes)) attribute(writer, 1, name, value);
      });
      message(writer, 2, () => {
        message(writer, 1, () => text(writer, 1, SCOPE));
        for (const span of own) message(writer, 2, () => encodeSpan(writer, span));
      });
    });
  }
  return writer.finish();
}

function encodeSpan(writer: BinaryWriter, span: Span): void {
  bytes(writer, 1, span.traceId);
  bytes(writer, 2, span.spanId);
  if (span.state !== undefined) text(writer, 3, span.state);
  if (span.parentId !== undefined) bytes(writer, 4, span.parentId);
  text(writer, 5, span.name);
  writer.tag(6, WireType.Varint).int32(span.kind);
  writer.tag(7, WireType.Bit64).fixed64(nanoseconds(span.startMs));
  writer.tag(8, WireType.Bit64).fixed64(nanoseconds(Math.max(span.startMs, span.endMs)));
  for (const [name, value] of Object.entries(span.attributes)) attribute(writer, 9, name, value);
  const { error } = span;
  if (error !== undefined)
    message(writer, 15, () => {
      text(writer, 2, error);
      writer.tag(3, WireType.Varint).int32(STATUS_ERROR);
    });
  writer.tag(16, WireType.Bit32).fixed32(SAMPLED);
}

function attribute(writer: BinaryWriter, field: number, name: string, value: unknown): void {
  message(writer, field, () => {
    text(writer, 1, name);
    message(writer, 2, () => {
      if (typeof value === "boolean") writer.tag(2, WireType.Varint).bool(value);
      else if (typeof value !== "number") text(writer, 1, String(value));
      else if (Number.isSafeInteger(value)) writer.tag(3, WireType.Varint).int64(value);
      else writer.tag(4, WireType.Bit64).double(value);
    });
  });
}

function message(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function bytes(writer: BinaryWriter, field: number, hex: string): void {
  writer.tag(field, WireType.LengthDelimited).bytes(Buffer.from(hex, "hex"));
}

function nanoseconds(ms: number): bigint {
  const whole = Math.trunc(ms);
  return BigInt(whole) * NS_PER_MS + BigInt(Math.round((ms - whole) * Number(NS_PER_MS)));
}
