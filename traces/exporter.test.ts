import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { eventually } from "../test/harness/eventually.ts";
import { startOtlpReceiver } from "../test/harness/otlp-receiver.ts";
import { SpanExporter } from "./exporter.ts";
import { type Span, spanKinds } from "./span.ts";

const span: Span = {
  ...{ traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", parentId: undefined },
  ...{ name: "a", kind: spanKinds.internal, startMs: 1, endMs: 2, attributes: {}, service: "s" },
};

function record() {
  const lines: string[] = [];
  const note = (_fields: object, message: string) => void lines.push(message);
  return { lines, log: { info: note, warn: note } as never };
}

/** An address that nothing listens on. */
async function deadAddress(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

describe("the exporter", () => {
  it("sends spans together, with the header fields of the user", async () => {
    await using collector = await startOtlpReceiver();
    const { lines, log } = record();
    const headers = { authorization: "Bearer key" };
    const exporter = new SpanExporter({ url: `${collector.url}/`, headers, attributes: {}, log });
    for (let count = 0; count < 2_000; count += 1) exporter.record(span);
    await exporter.close();
    expect(collector.spans).toHaveLength(2_000);
    expect(collector.headers.length).toBeLessThanOrEqual(3);
    expect(collector.headers[0]).toMatchObject({ ...headers, "content-type": "application/x-protobuf" });
    expect(lines).toEqual([]);
  });

  it("tells once of a collector that takes no spans, and once when it does again", async () => {
    await using collector = await startOtlpReceiver();
    collector.status = 503;
    const { lines, log } = record();
    const exporter = new SpanExporter({ url: collector.url, attributes: {}, log });
    exporter.record(span);
    await eventually(() => expect(lines).toHaveLength(1));
    exporter.record(span);
    await eventually(() => expect(collector.headers.length).toBe(2));
    collector.status = 200;
    exporter.record(span);
    await eventually(() => expect(collector.spans.length).toBeGreaterThan(0));
    await eventually(() => expect(lines).toHaveLength(2));
    expect(lines).toEqual([
      "the collector takes no spans: they are dropped until it does",
      "the collector takes spans again",
    ]);
    await exporter.close();
  });

  it("keeps a bounded number of spans where nobody takes them, and ends all the same", async () => {
    const { lines, log } = record();
    const exporter = new SpanExporter({ url: await deadAddress(), attributes: {}, log });
    for (let count = 0; count < 100_000; count += 1) exporter.record(span);
    expect(exporter.size).toBeLessThanOrEqual(8_192);
    await exporter.close();
    expect(lines).toEqual(["the collector takes no spans: they are dropped until it does"]);
  });
});
