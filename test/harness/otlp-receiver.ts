/** A collector of OTLP over HTTP for tests: it keeps the spans that it gets. It reads protobuf by the numbers of OTLP's schema. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { eventually } from "./eventually.ts";

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Empty: it is the first of its trace. */
  parentId: string;
  name: string;
  kind: number;
  startNs: bigint;
  endNs: bigint;
  attributes: Record<string, unknown>;
  error: string | undefined;
  service: unknown;
}

export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** The header fields of the requests. */
  readonly headers: Record<string, unknown>[];
  /** The status of its answers. */
  status: number;
  /** Resolves with the spans of a trace when these are among them. */
  trace(traceId: string, names: readonly string[]): Promise<ReceivedSpan[]>;
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const headers: Record<string, unknown>[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    headers.push(request.headers);
    const isTaken = receiver.status === 200 && request.url === "/v1/traces";
    if (isTaken) spans.push(...decodeExport(Buffer.concat(chunks)));
    response.writeHead(isTaken ? 200 : receiver.status).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const receiver: OtlpReceiver = {
    ...{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, headers, status: 200 },
    async trace(traceId, names) {
      const own = () => spans.filter((span) => span.traceId === traceId);
      await eventually(() => {
        const missing = names.filter((name) => !own().some((span) => span.name === name));
        if (missing.length > 0) throw new Error(`${missing} missing in ${own().map(({ name }) => name)}`);
      });
      return own();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return receiver;
}

/** The fields of a message by their numbers. */
type Fields = Map<number, unknown[]>;

/** The spans of an `ExportTraceServiceRequest`. */
export function decodeExport(bytes: Uint8Array): ReceivedSpan[] {
  return messages(fieldsOf(bytes), 1).flatMap((resourceSpans) => {
    const [resource = new Map()] = messages(resourceSpans, 1);
    const { "service.name": service } = attributesOf(resource, 1);
    return messages(resourceSpans, 2).flatMap((scopeSpans) =>
      messages(scopeSpans, 2).map((span) => spanOf(span, service)),
    );
  });
}

function spanOf(span: Fields, service: unknown): ReceivedSpan {
  const [status = new Map()] = messages(span, 15);
  const isFailed = status.get(3)?.[0] === 2n;
  return {
    ...{ traceId: hexOf(span, 1), spanId: hexOf(span, 2), parentId: hexOf(span, 4), name: textOf(span, 5) },
    ...{ kind: Number(span.get(6)?.[0]), startNs: bigintOf(span, 7), endNs: bigintOf(span, 8) },
    ...{ attributes: attributesOf(span, 9), error: isFailed ? textOf(status, 2) : undefined, service },
  };
}

function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields: Fields = new Map();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const values = fields.get(number) ?? [];
    fields.set(number, values);
    values.push(valueIn(reader, type));
  }
  return fields;
}

function valueIn(reader: BinaryReader, type: WireType): unknown {
  if (type === WireType.Varint) return BigInt(reader.int64());
  if (type === WireType.Bit64) return BigInt(reader.fixed64());
  if (type === WireType.Bit32) return reader.fixed32();
  return reader.bytes();
}

function messages(fields: Fields, number: number): Fields[] {
  return (fields.get(number) ?? []).map((bytes) => fieldsOf(bytes as Uint8Array));
}

function attributesOf(fields: Fields, number: number): Record<string, unknown> {
  return Object.fromEntries(
    messages(fields, number).map((pair) => {
      const [value = new Map()] = messages(pair, 2);
      return [textOf(pair, 1), anyOf(value)];
    }),
  );
}

function anyOf(value: Fields): unknown {
  if (value.has(1)) return textOf(value, 1);
  if (value.has(2)) return value.get(2)?.[0] === 1n;
  if (value.has(3)) return Number(value.get(3)?.[0]);
  const bits = value.get(4)?.[0] as bigint;
  return new Float64Array(new BigUint64Array([bits]).buffer)[0];
}

function textOf(fields: Fields, number: number): string {
  return Buffer.from((fields.get(number)?.[0] ?? new Uint8Array()) as Uint8Array).toString();
}

function hexOf(fields: Fields, number: number): string {
  return Buffer.from((fields.get(number)?.[0] ?? new Uint8Array()) as Uint8Array).toString("hex");
}

function bigintOf(fields: Fields, number: number): bigint {
  return fields.get(number)?.[0] as bigint;
}
