/** Objects that the warm path does not make. The classes are counted at their creation, outside of an isolate. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { ByteSource } from "../host/inbound-stream.ts";

const made = vi.hoisted(() => ({ streams: 0, headers: 0 }));

vi.mock("../streams/streams.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("../streams/streams.ts")>();
  class CountedStream extends original.ReadableStream<unknown> {
    constructor(...given: ConstructorParameters<typeof ReadableStream>) {
      super(...(given as []));
      made.streams += 1;
    }
  }
  return { ...original, ReadableStream: CountedStream };
});

vi.mock("./headers.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("./headers.ts")>();
  class CountedHeaders extends original.Headers {
    constructor(...given: ConstructorParameters<typeof original.Headers>) {
      super(...given);
      made.headers += 1;
    }
  }
  const headersFromBlock: typeof original.headersFromBlock = (...given) => {
    made.headers += 1;
    return original.headersFromBlock(...given);
  };
  return { ...original, Headers: CountedHeaders, headersFromBlock };
});

const { createRequest, requestParts, Request } = await import("./request.ts");
const { createResponse, Response, responseParts } = await import("./response.ts");

const source = (): ByteSource => {
  const chunks = [Uint8Array.of(0x22, 0x61), Uint8Array.of(0x22)];
  return { read: async () => chunks.shift(), cancel: () => undefined };
};

const incoming = (body: ArrayBuffer | ByteSource | undefined) =>
  createRequest("POST", "http://host/", "content-type\ntext/plain\n", body);

beforeEach(() => {
  made.streams = 0;
  made.headers = 0;
});

describe("nothing is made", () => {
  it.each([
    ["a text", () => new Response("text")],
    ["JSON", () => Response.json({ a: 1 })],
    ["bytes", () => new Response(new Uint8Array(3), { status: 201 })],
  ])("for an answer of %s", (_what, make) => {
    expect(responseParts(make())).toMatchObject({ body: expect.anything() });
    expect(made).toEqual({ streams: 0, headers: 0 });
  });

  it.each(["text", "json", "bytes", "arrayBuffer", "blob"] as const)(
    "for reading what came in by %s()",
    async (method) => {
      const whole = new Uint8Array([0x22, 0x61, 0x22]).buffer;
      const [first, second] = [await incoming(whole)[method](), await incoming(source())[method]()];
      expect(first).toEqual(second);
      // The type of a blob is read from the headers.
      expect(made).toEqual({ streams: 0, headers: method === "blob" ? 2 : 0 });
    },
  );

  it("for sending on what came in", () => {
    const [upload, download] = [source(), source()];
    expect(requestParts(incoming(upload)).body?.content).toBe(upload);
    const response = createResponse({
      status: 200,
      statusText: "",
      headerBlock: "",
      url: "",
      isRedirected: false,
      body: download,
    });
    expect(responseParts(response)?.body).toBe(download);
    expect(made.streams).toBe(0);
  });
});

describe("a stream that was only looked at", () => {
  it("is passed on as what it was made of, and is locked", () => {
    const upload = source();
    const request = incoming(upload);
    const response = new Response(request.body);
    expect(responseParts(response)?.body).toBe(upload);
    expect([request.bodyUsed, request.body?.locked]).toEqual([true, true]);
    expect(made.streams).toBe(1);
  });

  it("is passed on through a copy of the request, too", () => {
    const upload = source();
    const request = incoming(upload);
    const copy = new Request("http://other/", request as never);
    expect(requestParts(copy).body?.content).toBe(upload);
    expect(request.bodyUsed).toBe(true);
  });
});
