import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { describe, expect, it } from "vitest";
import { decodeExport } from "../test/harness/otlp-receiver.ts";
import { encodeSpans } from "./encode.ts";
import { createSampler, SAMPLERS } from "./sampler.ts";
import { type Span, spanKinds } from "./span.ts";

const span: Span = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  parentId: "b7ad6b7169203331",
  state: "vendor=1",
  name: "GET /größe",
  kind: spanKinds.server,
  startMs: 1_796_000_000_000.25,
  endMs: 1_796_000_000_012.5,
  attributes: { text: "é", whole: 200, negative: -3, fraction: 0.25, isOn: true, large: 2 ** 60 },
  error: "500",
  service: "hello",
};

/** The same span, as OpenTelemetry's exporter takes it. */
function readable(one: Span): Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number] {
  const time = (ms: number): [number, number] => [Math.trunc(ms / 1_000), Math.round((ms % 1_000) * 1e6)];
  const context = (spanId: string) => ({ traceId: one.traceId, spanId, traceFlags: 1 });
  const attributes = { "service.name": one.service, "service.version": "1" };
  return {
    name: one.name,
    kind: one.kind - 1,
    spanContext: () => context(one.spanId),
    ...(one.parentId === undefined ? {} : { parentSpanContext: context(one.parentId) }),
    startTime: time(one.startMs),
    endTime: time(one.endMs),
    duration: time(one.endMs - one.startMs),
    status: one.error === undefined ? { code: 0 } : { code: 2, message: one.error },
    attributes: one.attributes,
    ...{ links: [], events: [], ended: true, instrumentationScope: { name: "narun" } },
    resource: { attributes } as never,
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}

describe("spans in protobuf", () => {
  it("are read as OpenTelemetry's own exporter writes them", () => {
    const spans = [span, { ...span, parentId: undefined, error: undefined, spanId: "00f067aa0ba902b8" }];
    const theirs = ProtobufTraceSerializer.serializeRequest(spans.map(readable));
    const own = decodeExport(encodeSpans(spans, { "service.version": "1" }));
    expect(own).toEqual(decodeExport(theirs ?? new Uint8Array()));
    expect(own[0]).toMatchObject({
      ...{ traceId: span.traceId, spanId: span.spanId, parentId: span.parentId, name: span.name, kind: 2 },
      ...{ startNs: 1_796_000_000_000_250_000n, endNs: 1_796_000_000_012_500_000n },
      ...{ error: "500", service: "hello", attributes: span.attributes },
    });
  });

  it("are grouped by the programs that they are about", () => {
    const decoded = decodeExport(encodeSpans([span, { ...span, service: "other" }, span], {}));
    expect(decoded.map(({ service }) => service)).toEqual(["hello", "hello", "other"]);
  });
});

describe("samplers", () => {
  const low = "00000000000000000000000000000001";
  const high = `${"0".repeat(18)}${"f".repeat(14)}`;
  const parent = (isSampled: boolean) => ({ traceId: high, spanId: "1", isSampled });

  it.each(SAMPLERS)("%s decides alike everywhere", (name) => {
    const takes = createSampler(name, 0.5);
    const roots = { on: [true, true], off: [false, false], ratio: [true, false] };
    const kind = name.endsWith("on") ? "on" : name.endsWith("off") ? "off" : "ratio";
    expect([takes(low, undefined), takes(high, undefined)]).toEqual(roots[kind]);
    const isParentBased = name.startsWith("parentbased_");
    expect(takes(high, parent(true))).toBe(isParentBased || kind === "on");
    expect(takes(low, parent(false))).toBe(!isParentBased && kind !== "off");
  });
});
