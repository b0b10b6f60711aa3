import { describe, expect, it } from "vitest";
import { sendToIsolate } from "../../runtime/isolate/operations/stream-adapters.ts";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

/** Runs the body of an async function inside an isolate. Its result returns as JSON. */
const run = (statements: string) =>
  callJson(`export default async () => Response.json(await (async () => { ${statements} })())`);

async function* chunks(...sizes: number[]) {
  for (const size of sizes) yield Buffer.alloc(size, "x");
}

describe("what a body may be", () => {
  it.each([
    ["'é'", "é", "text/plain;charset=UTF-8"],
    ["'\\ud800'", "\ufffd", "text/plain;charset=UTF-8"],
    ["new Uint8Array([97, 98]).subarray(1)", "b", null],
    ["new Uint16Array([24930]).buffer", "ba", null],
    ["new DataView(new ArrayBuffer(0))", "", null],
    ["new Blob(['ab'], { type: 'x/Y' })", "ab", "x/y"],
    ["new Blob(['ab'])", "ab", null],
    ["new File(['ab'], 'n', { type: 'x/y' })", "ab", "x/y"],
    ["new URLSearchParams({ a: 'b c' })", "a=b+c", "application/x-www-form-urlencoded;charset=UTF-8"],
    ["new Blob(['ab']).stream()", "ab", null],
    ["new ReadableStream({ start(c) { c.enqueue(new Uint8Array([97])); c.close() } })", "a", null],
    ["(async function* () { yield new Uint8Array([97]); yield new Uint8Array([98]) })()", "ab", null],
    ["42", "42", "text/plain;charset=UTF-8"],
    ["{ toString: () => 'own' }", "own", "text/plain;charset=UTF-8"],
    ["null", "", null],
    ["undefined", "", null],
  ])("%s reads as %j and is %j", async (init, text, type) => {
    expect(
      await run(`
        const response = new Response(${init});
        const request = new Request("http://a", { method: "POST", body: ${init}, duplex: "half" });
        return [await response.text(), await request.text(), response.headers.get("content-type"), request.headers.get("content-type")];
      `),
    ).toEqual([text, text, type, type]);
  });

  it("is copied from the buffer that it was given", async () => {
    expect(
      await run(`
        const bytes = new Uint8Array([97]);
        const response = new Response(bytes);
        bytes[0] = 98;
        return response.text();
      `),
    ).toBe("a");
  });

  it.each([
    ["a stream that is locked", "const s = new ReadableStream(); s.getReader(); new Response(s)"],
    ["a stream that was cancelled", "const s = new ReadableStream(); s.cancel(); new Response(s)"],
    ["a symbol", "new Response(Symbol())"],
    ["a view on shared memory", "new Response(new Uint8Array(new SharedArrayBuffer(1)))"],
  ])("is not %s", async (_what, statements) => {
    expect(await run(`try { ${statements}; return "made" } catch (error) { return error.name }`)).toBe(
      "TypeError",
    );
  });
});

describe("reading a body", () => {
  it.each([
    ["text()", "a"],
    ["json()", "SyntaxError"],
    ["bytes().then((bytes) => [bytes.constructor.name, ...bytes])", ["Uint8Array", 0xef, 0xbb, 0xbf, 97]],
    ["arrayBuffer().then((buffer) => [buffer.constructor.name, buffer.byteLength])", ["ArrayBuffer", 4]],
    ["blob().then(async (blob) => [blob.type, blob.size])", ["text/plain;charset=utf-8", 4]],
    ["formData()", "TypeError"],
  ])("by %s gives %j", async (method, expected) => {
    expect(
      await run(`
        const read = (body) => body.${method}.catch((error) => error.name);
        const stored = new Response("\\ufeffa");
        const streamed = new Response(new Response("\\ufeffa").body, { headers: { "content-type": "text/plain;charset=utf-8" } });
        const [first, second] = [await read(stored), await read(streamed)];
        return JSON.stringify(first) === JSON.stringify(second) ? first : [first, second];
      `),
    ).toEqual(expected);
  });

  it("happens once, and leaves a stream that is locked", async () => {
    expect(
      await run(`
        const seen = [];
        for (const response of [new Response("a"), new Response(new Blob(["a"])), new Response(new Response("a").body)]) {
          const before = response.bodyUsed;
          const reading = response.text();
          seen.push([before, response.bodyUsed, await reading, response.body.locked,
            await response.text().catch((error) => error.name), await response.blob().catch((error) => error.name)]);
          try { response.clone() } catch (error) { seen.at(-1).push(error.name) }
        }
        return seen;
      `),
    ).toEqual(Array(3).fill([false, true, "a", true, "TypeError", "TypeError", "TypeError"]));
  });

  it("can happen again and again where there is none", async () => {
    expect(
      await run(`
        const response = new Response();
        return [response.body, await response.text(), await response.text(), response.bodyUsed, (await response.blob()).size];
      `),
    ).toEqual([null, "", "", false, 0]);
  });

  it("is refused while somebody else reads the stream", async () => {
    expect(
      await run(`
        const response = new Response("a");
        const reader = response.body.getReader();
        const whileLocked = [response.bodyUsed, await response.text().catch((error) => error.name)];
        reader.releaseLock();
        return [...whileLocked, response.bodyUsed, await response.text()];
      `),
    ).toEqual([false, "TypeError", false, "a"]);
  });

  it("by its stream gives bytes, also into a buffer of the reader's", async () => {
    expect(
      await run(`
        const text = async (stream) => { let all = ""; for await (const chunk of stream) all += String.fromCharCode(...chunk); return all };
        const response = new Response("ab");
        const same = response.body === response.body;
        const { value } = await new Response("abc").body.getReader({ mode: "byob" }).read(new Uint8Array(2));
        return [same, await text(response.body), response.bodyUsed, [...value], await text(new Response("").body)];
      `),
    ).toEqual([true, "ab", true, [97, 98], ""]);
  });

  it("by textStream() gives its text in chunks, of a blob too", async () => {
    expect(
      await run(`
        const response = new Response(new Uint8Array([0xef, 0xbb, 0xbf, 0xc3, 0xa9]), { headers: { "content-type": "text/plain;charset=latin1" } });
        const seen = [];
        for (const stream of [response.textStream(), new Blob(["é"]).textStream(), new Response().textStream()]) {
          let text = "";
          for await (const chunk of stream) text += chunk;
          seen.push(text);
        }
        try { response.textStream() } catch (error) { seen.push(error.name) }
        return [...seen, response.bodyUsed];
      `),
    ).toEqual(["é", "é", "", "TypeError", true]);
  });

  it("fails with what its stream fails with, and with a TypeError for chunks that are no bytes", async () => {
    expect(
      await run(`
        const broken = new Response(new ReadableStream({ pull: (c) => c.error(new RangeError("own")) }));
        let cancelled;
        const text = new Response(new ReadableStream({ pull: (c) => c.enqueue("text"), cancel: () => { cancelled = true } }));
        return [await broken.text().catch((error) => error.message), await text.text().catch((error) => error.name), cancelled];
      `),
    ).toEqual(["own", "TypeError", true]);
  });

  it("goes on where user code has changed the prototypes of streams", async () => {
    expect(
      await run(`
        const refuse = () => { throw new Error("changed") };
        const response = new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([97])); c.close() } }));
        const reader = Object.getPrototypeOf(new ReadableStream().getReader());
        Object.assign(ReadableStream.prototype, { getReader: refuse, tee: refuse, cancel: refuse });
        Object.assign(reader, { read: refuse, cancel: refuse });
        const copy = response.clone();
        return [await response.text(), await copy.text(), await new Response(new Blob(["b"]).stream()).text()];
      `),
    ).toEqual(["a", "a", "b"]);
  });

  it("rejects for what is neither a request nor a response", async () => {
    expect(
      await run(`
        const names = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"];
        return Promise.all(names.map((name) => Response.prototype[name].call({}).catch((error) => error.name)));
      `),
    ).toEqual(Array(6).fill("TypeError"));
  });

  it.each([
    ["[['content-type', 'text/plain'], ['content-type', 'text/html']]", "text/html"],
    ["{ 'content-type': 'text/html;charset=gbk, text/html' }", "text/html;charset=gbk"],
    ["{ 'content-type': 'text/html, bogus, */*' }", "text/html"],
    ["{ 'content-type': 'x/y;a=\",\"' }", 'x/y;a=","'],
    ["{ 'content-type': 'bogus' }", ""],
  ])("as a blob with the headers %s has the type %j", async (headers, type) => {
    expect(await run(`return (await new Response("a", { headers: ${headers} }).blob()).type`)).toBe(type);
  });
});

describe("a clone", () => {
  it.each([
    ["text", "'abc'"],
    ["bytes", "new Uint8Array([97, 98, 99])"],
    ["a blob", "new Blob(['abc'])"],
    ["a stream of its own", "new Blob(['abc']).stream()"],
    [
      "a stream of the author's",
      "new ReadableStream({ start(c) { c.enqueue(new Uint8Array([97, 98, 99])); c.close() } })",
    ],
  ])("of %s reads the same, and neither sees what becomes of the other's bytes", async (_what, init) => {
    expect(
      await run(`
        const response = new Response(${init});
        const copy = response.clone();
        const [first, second] = [await response.bytes(), copy.clone()];
        first.fill(0);
        return [await copy.text(), await second.text()];
      `),
    ).toEqual(["abc", "abc"]);
  });

  it("gives copies of chunks, of the same kind", async () => {
    expect(
      await run(`
        const chunk = new Uint16Array([1, 2]);
        const response = new Response(new ReadableStream({ start(c) { c.enqueue(chunk); c.close() } }));
        const copy = response.clone();
        const [own, other] = [await response.body.getReader().read(), await copy.body.getReader().read()];
        return [own.value === chunk, other.value === chunk, other.value.buffer === chunk.buffer, other.value.constructor.name, [...other.value]];
      `),
    ).toEqual([true, false, false, "Uint16Array", [1, 2]]);
  });
});

describe("a body from the host", () => {
  const call = async (code: string, ...sizes: number[]) => {
    const fn = await loadTestFunction(`export default async (request) => { ${code} }`);
    const stream = sendToIsolate(fn.link.streams, 0, chunks(...sizes));
    const answer = await fn.call({ method: "POST", body: stream });
    if (answer.kind !== "response") throw new Error(answer.text);
    return Buffer.from(await fn.read(answer.body)).toString();
  };

  it.each([
    ["handed back as it came", "return new Response(request.body)"],
    ["handed back by a copy of the request", "return new Response(new Request(request).body)"],
    ["read through a stream", "return new Response(request.body.pipeThrough(new TransformStream()))"],
    [
      "read through a clone",
      "const copy = request.clone(); void request.text(); return new Response(copy.body)",
    ],
    ["read whole", "return new Response(await request.arrayBuffer())"],
    ["read after somebody looked at its stream", "request.body; return new Response(await request.text())"],
    ["read as a blob", "return new Response(await request.blob())"],
  ])("arrives when it is %s", async (_how, code) => {
    expect(await call(code, 1, 100_000, 70_000)).toBe("x".repeat(170_001));
  });

  it("is used when it was handed back", async () => {
    expect(
      await call(
        `const response = new Response(request.body);
         const text = await response.text();
         return Response.json([text, request.bodyUsed, response.bodyUsed, request.body.locked])`,
        2,
      ),
    ).toBe('["xx",true,true,true]');
  });
});

describe("a small body from the host that entered as text", () => {
  const TEXT = '{"a":"é😀"}';
  it.each([
    "return new Response(request.body)",
    "return new Response(await request.arrayBuffer())",
    "return new Response(await request.bytes())",
    "return new Response(await request.blob())",
    "return new Response(await request.text())",
    "return new Response(JSON.stringify(await request.json()))",
    "return new Response(request.body.pipeThrough(new TransformStream()))",
    "const copy = request.clone(); await request.text(); return new Response(await copy.arrayBuffer())",
    "const parts = []; for await (const part of request.body) parts.push(part); return new Response(new Blob(parts))",
    "return new Response([request.bodyUsed, request.body instanceof ReadableStream, await request.text(), request.bodyUsed].join())",
  ])("is the same as its bytes: %s", async (code) => {
    const fn = await loadTestFunction(`export default async (request) => { ${code} }`);
    const [text, bytes] = await Promise.all(
      [TEXT, new TextEncoder().encode(TEXT)].map(async (body) => {
        const answer = await fn.call({ method: "POST", body });
        if (answer.kind !== "response") throw new Error(answer.text);
        return [answer.headers, Buffer.from(await fn.read(answer.body)).toString()];
      }),
    );
    expect(text).toEqual(bytes);
    expect(text?.[1]).toContain(TEXT);
  });
});

describe("an answer", () => {
  it.each([
    ["was read", "const r = new Response('x'); await r.text(); return r", "already been read"],
    ["is being read", "const r = new Response('x'); r.body.getReader(); return r", "locked"],
    ["is a network error", "return Response.error()", "Response.error()"],
  ])("whose body %s is a failure", async (_what, statements, text) => {
    const fn = await loadTestFunction(`export default async () => { ${statements} }`);
    expect(await fn.call()).toMatchObject({ kind: "failure", text: expect.stringContaining(text) });
  });

  it("of a large blob is a stream that says how long it is, of a small one is bytes", async () => {
    const fn = await loadTestFunction(
      `export default (request) => new Response(new Blob(["x".repeat(Number(request.headers.get("size"))) ]))`,
    );
    const bodyOf = async (size: number) => {
      const answer = await fn.call({ headers: [["size", `${size}`]] });
      if (answer.kind !== "response") throw new Error(answer.text);
      return [typeof answer.body, (await fn.read(answer.body)).byteLength, answer.headers];
    };
    expect(await bodyOf(10)).toEqual(["object", 10, []]);
    expect(await bodyOf(200_000)).toEqual(["number", 200_000, [["content-length", "200000"]]]);
  });
});
