/**
 * A consumer that narun did not start: a plain program of `@nats-io/services`. It imports NATS' own client, as a program
 * with narun's client would not be foreign.
 */
import { Svcm } from "@nats-io/services";
import { connect, headers } from "@nats-io/transport-node";

export interface ForeignService extends AsyncDisposable {
  /** The requests of the subject that it received: header fields by name, and the data. */
  readonly taken: { headers: Record<string, string>; data: string }[];
}

export interface ForeignServiceOptions {
  url: string;
  /** The name of the service, which is also the subject of its endpoint, as in the original toolkit. */
  name: string;
  /** The body of its answer. */
  answer: string;
  /** The status of its answer. Default: none. */
  status?: number;
}

export async function startForeignService({
  url,
  name,
  answer,
  status,
}: ForeignServiceOptions): Promise<ForeignService> {
  const connection = await connect({ servers: url, name });
  const taken: ForeignService["taken"] = [];
  // The package has its own copy of the client's core. The types used here are equal.
  const services = new Svcm(connection as unknown as ConstructorParameters<typeof Svcm>[0]);
  const service = await services.add({ name, version: "3.2.1" });
  service.addEndpoint("handler", {
    subject: name,
    handler(error, message) {
      if (error !== null) return;
      const fields = [...(message.headers ?? [])].map(([key, values]) => [key, values.join(", ")]);
      taken.push({ headers: Object.fromEntries(fields), data: message.string() });
      const reply = headers();
      if (status !== undefined) reply.set("X-Response-Status-Code", String(status));
      reply.append("Set-Cookie", "a=1");
      reply.append("Set-Cookie", "b=2");
      message.respond(answer, { headers: reply } as unknown as Parameters<typeof message.respond>[1]);
    },
  });
  await connection.flush();
  return {
    taken,
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

export interface BinaryServiceOptions {
  url: string;
  name: string;
  /** Metadata of the service. Default: none, as the original toolkit writes. */
  metadata?: Record<string, string>;
  /** The whole answer, in binary HTTP, or the code of an error of NATS Micro without data. Default: 201 with the body `made`. */
  answer?: Uint8Array | number;
}

export interface BinaryService extends AsyncDisposable {
  /** The requests that it could read: their bytes, and the names of their headers of NATS. */
  readonly taken: { data: Uint8Array; headers: string[] }[];
  /** How many it could not read. */
  readonly refused: { count: number };
}

/** `01`: a response of known length. 201, `set-cookie: a=1` and `b=2`, the body `made`. */
const MADE = Buffer.from(
  "0140c9" +
    "1e" +
    "0a7365742d636f6f6b6965" +
    "03613d31" +
    "0a7365742d636f6f6b6965" +
    "03623d32" +
    "04" +
    "6d616465",
  "hex",
);

/**
 * A consumer of the original toolkit's later versions, as its facts say: it takes only binary HTTP, answers without a header of
 * NATS, and refuses what it cannot read with an error of NATS Micro, without data.
 */
export async function startBinaryService({
  url,
  name,
  metadata,
  answer = MADE,
}: BinaryServiceOptions): Promise<BinaryService> {
  const connection = await connect({ servers: url, name });
  const taken: BinaryService["taken"] = [];
  const refused = { count: 0 };
  const services = new Svcm(connection as unknown as ConstructorParameters<typeof Svcm>[0]);
  const service = await services.add({ name, version: "0.1.0", ...(metadata && { metadata }) });
  service.addEndpoint("handler", {
    subject: name,
    handler(error, message) {
      if (error !== null) return;
      if (message.data[0] !== 0 && message.data[0] !== 2) {
        refused.count += 1;
        message.respondError(400, "Failed to decode BHTTP request");
        return;
      }
      taken.push({ data: message.data.slice(), headers: [...(message.headers?.keys() ?? [])] });
      if (typeof answer === "number") message.respondError(answer, "Failed to encode response");
      else message.respond(answer);
    },
  });
  await connection.flush();
  return { taken, refused, [Symbol.asyncDispose]: () => connection.close() };
}
