import { brotliDecompressSync, gunzipSync, gzipSync, inflateRawSync, inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createCompressionOperations } from "../../runtime/isolate/operations/compression.ts";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

const decoders = {
  deflate: inflateSync,
  "deflate-raw": inflateRawSync,
  gzip: gunzipSync,
  brotli: brotliDecompressSync,
};

/** Runs statements inside an isolate that has the host's coders; `body` is the request's body. */
const evaluate = (statements: string, body = new Uint8Array(), operations = createCompressionOperations()) =>
  callJson(
    `export default async (request) => Response.json(await (async (body) => { ${statements} })(await request.bytes()))`,
    { method: "POST", body },
    operations,
  );

const streamOf = (parts: string) =>
  `new ReadableStream({ start(c) { for (const part of ${parts}) c.enqueue(part); c.close() } })`;

describe("CompressionStream", () => {
  it.each(Object.entries(decoders))("compresses to %s what zlib reads", async (format, decode) => {
    const loaded = await loadTestFunction(
      `export default (request) => new Response(
        ${streamOf('Array.from({ length: 3000 }, (_, i) => new TextEncoder().encode("line " + i + "\\n"))')}
          .pipeThrough(new CompressionStream("${format}")))`,
      {},
      createCompressionOperations(),
    );
    const answer = await loaded.call();
    if (answer.kind !== "response") throw new Error(answer.text);
    const text = decode(await loaded.read(answer.body)).toString();
    expect(text).toBe(Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join(""));
  });

  it("asks the host once for a small body", async () => {
    const operations = createCompressionOperations();
    let steps = 0;
    const counting = {
      ...operations,
      "compression.step": (...given: Parameters<(typeof operations)[string]>) => {
        steps += 1;
        return operations["compression.step"]?.(...given);
      },
    } as typeof operations;
    await evaluate(
      `const stream = ${streamOf("[body, body, body]")}.pipeThrough(new CompressionStream("gzip"));
       return (await Array.fromAsync(stream)).length;`,
      Buffer.from("small"),
      counting,
    );
    expect(steps).toBe(1);
  });
});

describe("DecompressionStream", () => {
  it("gives back what was compressed, whatever way the bytes are cut", async () => {
    const text = "something to repeat, ".repeat(2_000);
    const seen = await evaluate(
      `const parts = Array.from({ length: Math.ceil(body.length / 7) }, (_, i) => body.slice(i * 7, i * 7 + 7));
       const stream = ${streamOf("parts")}.pipeThrough(new DecompressionStream("gzip")).pipeThrough(new TextDecoderStream());
       return (await Array.fromAsync(stream)).join("");`,
      gzipSync(text),
    );
    expect(seen).toBe(text);
  });

  it("fails both of its ends with a TypeError over input that is cut off, goes on or is changed", async () => {
    const seen = await evaluate(
      `const changed = body.slice();
       changed[body.length - 6] ^= 1;
       const inputs = [body.slice(0, -1), new Uint8Array([...body, 0]), changed, new Uint8Array()];
       return Promise.all(inputs.map(async (input) => {
         const stream = new DecompressionStream("gzip");
         const writer = stream.writable.getWriter();
         writer.write(input).catch(() => {});
         const closed = writer.close().then(() => "closed", (error) => error.name);
         const read = Array.fromAsync(stream.readable).then(() => "read", (error) => error.name);
         return [await read, await closed];
       }));`,
      gzipSync("text"),
    );
    expect(seen).toEqual(Array(4).fill(["TypeError", "TypeError"]));
  });

  it("lets a reader look at a bomb that is larger than its memory", async () => {
    const bytes = 192 * 1024 * 1024;
    const seen = await evaluate(
      `let total = 0;
       for await (const chunk of ${streamOf("[body]")}.pipeThrough(new DecompressionStream("gzip"))) total += chunk.length;
       return total;`,
      gzipSync(Buffer.alloc(bytes)),
    );
    expect(seen).toBe(bytes);
  }, 20_000);

  it("has the host forget a stream whose reader leaves, and ends the writer", async () => {
    const closed = Promise.withResolvers<unknown>();
    const operations = createCompressionOperations();
    const seen = await evaluate(
      `const stream = new DecompressionStream("gzip");
       const writer = stream.writable.getWriter();
       const written = writer.write(body).then(() => "written", (error) => error.message);
       const reader = stream.readable.getReader();
       await reader.read();
       await reader.cancel(new Error("enough"));
       return [await written, await writer.closed.catch((error) => error.message)];`,
      gzipSync(Buffer.alloc(8 * 1024 * 1024)),
      {
        ...operations,
        "compression.close": (values) => {
          closed.resolve(values[0]);
          return undefined;
        },
      },
    );
    expect(seen).toEqual(["enough", "enough"]);
    expect(await closed.promise).toBe(1);
  });

  it("ends a write that waits for a reader when the writer is aborted", async () => {
    const seen = await evaluate(
      `const stream = new DecompressionStream("gzip");
       const writer = stream.writable.getWriter();
       writer.write(body).catch(() => {});
       await Promise.resolve();
       await writer.abort(new Error("given up")).catch(() => {});
       return stream.readable.getReader().read().then(() => "read", (error) => error.message);`,
      gzipSync("text"),
    );
    expect(seen).toBe("given up");
  });

  it("says that too many are open by a DOMException", async () => {
    const seen = await evaluate(
      `const stream = new DecompressionStream("gzip");
       stream.writable.getWriter().write(body).catch(() => {});
       const error = await stream.readable.getReader().read().catch((error) => error);
       return [error instanceof DOMException, error.name];`,
      gzipSync("text"),
      {
        "compression.step": () =>
          Promise.reject(Object.assign(Object.create(Error.prototype), { name: "x" })),
      },
    );
    expect(seen).toEqual([true, "OperationError"]);
  });
});
