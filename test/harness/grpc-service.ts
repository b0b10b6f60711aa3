/**
 * A consumer of gRPC that narun did not start: a plain program of `@nats-io/services`, as the original toolkit's consumers are.
 */
import { Svcm } from "@nats-io/services";
import { connect, headers } from "@nats-io/transport-node";

export interface GrpcCallTaken {
  headers: Record<string, string[]>;
  data: Uint8Array;
}

/** An error: its code and its text. Otherwise the data of the reply, with header fields. */
export type GrpcServiceAnswer =
  | { code: number; text: string }
  | { data: Uint8Array | string; fields?: [string, string][] };

export interface GrpcServiceOptions {
  url: string;
  /** The name of the service, which is also the subject of its endpoint. */
  name: string;
  metadata?: Record<string, string>;
  answer(call: GrpcCallTaken): GrpcServiceAnswer;
}

export async function startGrpcService({ url, name, metadata, answer }: GrpcServiceOptions) {
  const connection = await connect({ servers: url, name });
  const taken: GrpcCallTaken[] = [];
  // The package has its own copy of the client's core. The types used here are equal.
  const services = new Svcm(connection as unknown as ConstructorParameters<typeof Svcm>[0]);
  const service = await services.add({ name, version: "0.1.0", ...(metadata && { metadata }) });
  service.addEndpoint("grpc_handler", {
    subject: name,
    handler(error, message) {
      if (error !== null) return;
      const call = { headers: Object.fromEntries(message.headers ?? []), data: message.data };
      taken.push(call);
      const answered = answer(call);
      if ("code" in answered) {
        message.respondError(answered.code, answered.text);
        return;
      }
      const reply = headers();
      for (const [field, value] of answered.fields ?? []) reply.append(field, value);
      message.respond(answered.data, { headers: reply } as unknown as Parameters<typeof message.respond>[1]);
    },
  });
  await connection.flush();
  return { taken, [Symbol.asyncDispose]: () => connection.close() };
}
