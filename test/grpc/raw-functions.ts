/** Functions that read and write the frames of gRPC by hand, and raw clients for them. */
import {
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  credentials,
  type Metadata,
  type ServiceError,
  type StatusObject,
} from "@grpc/grpc-js";

/** The source of a function with the methods of `pkg.Raw`: bodies are text. */
export const rawSource = `
const frame = (text) => {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const framed = new Uint8Array(5 + bytes.length);
  new DataView(framed.buffer).setUint32(1, bytes.length);
  framed.set(bytes, 5);
  return framed;
};
async function* messagesOf(body) {
  let bytes = new Uint8Array();
  for await (const chunk of body ?? []) {
    const joined = new Uint8Array(bytes.length + chunk.length);
    joined.set(bytes);
    joined.set(chunk, bytes.length);
    bytes = joined;
    while (bytes.length >= 5) {
      const end = 5 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
      if (bytes.length < end) break;
      yield bytes.subarray(5, end);
      bytes = bytes.subarray(end);
    }
  }
}
const text = (bytes) => new TextDecoder().decode(bytes);
const type = { "content-type": "application/grpc+proto" };
const whole = (body, fields = {}) => new Response(body, { headers: { ...type, "grpc-status": "0", ...fields } });
const methods = {
  async Echo(request) {
    const [message] = await Array.fromAsync(messagesOf(request.body));
    return whole(frame(message));
  },
  async Count(request, ctx) {
    const all = await Array.fromAsync(messagesOf(request.body));
    return whole(frame(all.length + " " + all.reduce((sum, one) => sum + one.length, 0)));
  },
  async Split(request, ctx) {
    const [message] = await Array.fromAsync(messagesOf(request.body));
    ctx.trailers.set("grpc-status", "0");
    ctx.trailers.append("parts", String(text(message).split(",").length));
    const parts = text(message).split(",");
    return new Response(new ReadableStream({
      pull(controller) {
        const part = parts.shift();
        if (part === undefined) controller.close();
        else controller.enqueue(frame(part));
      },
    }), { headers: type });
  },
  async Chat(request, ctx) {
    ctx.trailers.set("grpc-status", "0");
    request.signal.addEventListener("abort", () => console.log("the chat was cancelled"));
    const messages = messagesOf(request.body);
    return new Response(new ReadableStream({
      async pull(controller) {
        const { done, value } = await messages.next();
        if (done) controller.close();
        else controller.enqueue(frame("you said " + text(value)));
      },
    }), { headers: type });
  },
  async Metadata(request) {
    const headers = new Headers({ ...type, "grpc-status": "0" });
    for (const [name, value] of request.headers) {
      if (name.startsWith("x-")) headers.append(name, value);
      if (name.startsWith("x-")) headers.append("trailer-" + name, value);
    }
    return new Response(frame([...request.headers].map(([name, value]) => name + ": " + value).join("\\n")), { headers });
  },
  async Fail(request) {
    const [message] = await Array.fromAsync(messagesOf(request.body));
    const [code, ...rest] = text(message).split(" ");
    return new Response(null, { headers: { ...type, "grpc-status": code, "grpc-message": encodeURIComponent(rest.join(" ")), "grpc-status-details-bin": "CAE" } });
  },
  async Sleep(request) {
    await new Promise((resolve) => {
      request.signal.addEventListener("abort", () => { console.log("the sleeper was cancelled"); resolve(); });
    });
    return whole(frame("woken"));
  },
  async Flag(request) {
    const body = new Uint8Array(await request.arrayBuffer());
    return whole(frame(body[0] + " " + request.headers.get("grpc-encoding")));
  },
  async Throw() { throw new Error("a secret"); },
  async Html() { return new Response("<p>no gRPC</p>", { headers: { "content-type": "text/html" } }); },
  async NoStatus() { return new Response(frame("a"), { headers: type }); },
  async Torn() { return whole(new Uint8Array([0, 0, 0, 0, 9, 1])); },
};
export default (request, env, ctx) => {
  const method = new URL(request.url).pathname.split("/").pop();
  const run = methods[method];
  if (run === undefined) return whole(null, { "grpc-status": "12", "grpc-message": "no method " + method });
  return run(request, ctx);
};
`;

export interface Result {
  code: number;
  details: string;
  messages: string[];
  initial: Metadata | undefined;
  trailing: Metadata | undefined;
}

const write = (text: string) => Buffer.from(text);
const read = (bytes: Buffer) => bytes.toString();

/** A client of any service: messages are texts. */
export function rawClient(
  address: string,
  options: ChannelOptions = {},
  by: ChannelCredentials = credentials.createInsecure(),
) {
  const client = new Client(address, by, options);
  const open = (path: string, metadata: Metadata, options: CallOptions = {}) =>
    client.makeBidiStreamRequest(path, write, read, metadata, options);
  const collect = (call: ReturnType<typeof open>): Promise<Result> =>
    new Promise((resolve) => {
      const messages: string[] = [];
      let initial: Metadata | undefined;
      call.on("metadata", (metadata: Metadata) => {
        initial = metadata;
      });
      call.on("data", (message: string) => messages.push(message));
      call.on("error", (_error: ServiceError) => undefined);
      call.on("status", ({ code, details, metadata }: StatusObject) =>
        resolve({ code, details, messages, initial, trailing: metadata }),
      );
    });
  return {
    client,
    open,
    collect,
    /** Sends messages, and collects the answer. */
    call(
      path: string,
      messages: readonly string[],
      metadata: Metadata,
      options?: CallOptions,
    ): Promise<Result> {
      const call = open(path, metadata, options);
      const result = collect(call);
      for (const message of messages) call.write(message);
      call.end();
      return result;
    },
    [Symbol.dispose]: () => client.close(),
  };
}
