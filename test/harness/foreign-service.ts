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
