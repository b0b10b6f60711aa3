/**
 * `grpc.testing.TestService`, the service of the gRPC project's interop tests (doc/interop-test-descriptions.md), as a function
 * that reads and writes frames and messages by hand.
 */
export const interopSource = `
const varint = (value) => {
  const bytes = [];
  while (value > 127) { bytes.push((value % 128) + 128); value = Math.floor(value / 128); }
  return [...bytes, value];
};
const join = (parts) => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return all;
};
const field = (number, value) =>
  typeof value === "number"
    ? Uint8Array.from(value === 0 ? [] : [...varint(number * 8), ...varint(value)])
    : join([Uint8Array.from([...varint(number * 8 + 2), ...varint(value.length)]), value]);
function read(bytes) {
  const fields = {};
  let at = 0;
  const next = () => {
    let value = 0, factor = 1;
    for (;;) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const tag = next();
    let value;
    if (tag % 8 === 0) value = next();
    else { const length = next(); value = bytes.subarray(at, at + length); at += length; }
    (fields[Math.floor(tag / 8)] ??= []).push(value);
  }
  return (number, fallback) => fields[number]?.at(-1) ?? fallback;
}
const none = new Uint8Array();
const text = (bytes) => new TextDecoder().decode(bytes);
const squeeze = async (bytes, Stream) =>
  new Uint8Array(await new Response(new Response(bytes).body.pipeThrough(new Stream("gzip"))).arrayBuffer());
const frame = async (bytes, isCompressed) => {
  const data = isCompressed ? await squeeze(bytes, CompressionStream) : bytes;
  const prefix = new Uint8Array(5);
  prefix[0] = isCompressed ? 1 : 0;
  new DataView(prefix.buffer).setUint32(1, data.length);
  return join([prefix, data]);
};
async function* messagesOf(body) {
  let bytes = none;
  for await (const chunk of body ?? []) {
    bytes = join([bytes, chunk]);
    while (bytes.length >= 5) {
      const end = 5 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
      if (bytes.length < end) break;
      const data = bytes.subarray(5, end);
      yield { isCompressed: bytes[0] === 1, data: bytes[0] === 1 ? await squeeze(data, DecompressionStream) : data };
      bytes = bytes.subarray(end);
    }
  }
}
const payload = (size) => field(1, field(2, new Uint8Array(size)));
const wantsCompressed = (bytes) => bytes !== undefined && read(bytes)(1, 0) === 1;
const mustFit = (expected, isCompressed) => {
  if (expected !== undefined && wantsCompressed(expected) !== isCompressed) throw { code: 3, message: "compression" };
};
const mustSucceed = (status) => {
  const code = status === undefined ? 0 : read(status)(1, 0);
  if (code !== 0) throw { code, message: text(read(status)(2, none)) };
};
const inner = (bytes) => read(read(bytes)(2, none));

const unary = {
  async EmptyCall() { return [none, false]; },
  async UnaryCall([{ data, isCompressed }]) {
    const request = read(data);
    mustFit(request(8), isCompressed);
    mustSucceed(request(7));
    return [payload(request(2, 0)), wantsCompressed(request(6))];
  },
  async StreamingInputCall(messages) {
    let sum = 0;
    for (const { data, isCompressed } of messages) {
      const request = read(data);
      mustFit(request(2), isCompressed);
      sum += read(request(1, none))(2, none).length;
    }
    return [field(1, sum), false];
  },
};

/** The answers to one message of a stream. */
async function* answersTo(data) {
  const fields = [];
  let at = 0;
  const varintAt = () => { let value = 0, factor = 1; for (;;) { const byte = data[at++]; value += (byte & 127) * factor; if (byte < 128) return value; factor *= 128; } };
  while (at < data.length) {
    const tag = varintAt();
    if (tag % 8 === 0) { varintAt(); continue; }
    const length = varintAt();
    fields.push([Math.floor(tag / 8), data.subarray(at, at + length)]);
    at += length;
  }
  for (const [number, bytes] of fields) {
    if (number === 7) mustSucceed(bytes);
    if (number !== 2) continue;
    const parameters = read(bytes);
    const pause = parameters(2, 0) / 1000;
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    yield frame(payload(parameters(1, 0)), wantsCompressed(parameters(3)));
  }
}

const statusFields = ({ code = 2, message = "it failed" } = {}) => ({
  "grpc-status": String(code),
  "grpc-message": encodeURIComponent(message),
});

export default async (request, env, ctx) => {
  const method = new URL(request.url).pathname.split("/").pop();
  const headers = new Headers({ "content-type": "application/grpc+proto", "grpc-encoding": "gzip" });
  const echoed = request.headers.get("x-grpc-test-echo-initial");
  if (echoed !== null) headers.set("x-grpc-test-echo-initial", echoed);
  const trailing = request.headers.get("x-grpc-test-echo-trailing-bin");
  const answer = (body, fields) => {
    for (const [name, value] of Object.entries(fields)) headers.set(name, value);
    if (trailing !== null) headers.set("trailer-x-grpc-test-echo-trailing-bin", trailing);
    return new Response(body, { headers });
  };
  if (method in unary) {
    try {
      const [message, isCompressed] = await unary[method](await Array.fromAsync(messagesOf(request.body)));
      return answer(await frame(message, isCompressed), { "grpc-status": "0" });
    } catch (error) {
      return answer(null, statusFields(error));
    }
  }
  if (method !== "StreamingOutputCall" && method !== "FullDuplexCall")
    return answer(null, statusFields({ code: 12, message: "no method " + method }));
  if (trailing !== null) ctx.trailers.set("x-grpc-test-echo-trailing-bin", trailing);
  const { readable, writable } = new TransformStream();
  const writer = writable.getWriter();
  const run = async () => {
    let fields = { "grpc-status": "0" };
    try {
      for await (const { data } of messagesOf(request.body))
        for await (const bytes of answersTo(data)) await writer.write(bytes);
    } catch (error) {
      fields = statusFields(error);
    }
    for (const [name, value] of Object.entries(fields)) ctx.trailers.set(name, value);
    await writer.close();
  };
  ctx.waitUntil(run().catch(() => undefined));
  return new Response(readable, { headers });
};
`;
