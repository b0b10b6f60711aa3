/**
 * The shortest way of a request over NATS, without a line of narun: `node:http`, one NATS request, a NATS Micro service.
 * `relay.ts service URL` starts the service, `relay.ts front URL` the server in front of it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type ServiceMsg, Svcm } from "@nats-io/services";
import { connect, headers as createHeaders, type NatsConnection } from "@nats-io/transport-node";

/** The package of services has its own copy of the client's core. The types used here are equal. */
type ServiceConnection = ConstructorParameters<typeof Svcm>[0];
type ServiceOptions = Parameters<ServiceMsg["respond"]>[1];

const SUBJECT = "bench-relay.echo";
/** How long the front waits for the service. */
const TIMEOUT_MS = 10_000;
const HELLO = "Hello, world!";

const [role, servers = ""] = process.argv.slice(2);
const nats = await connect({ servers, name: `bench relay ${role}` });
if (role === "service") await serve(nats);
else listen(nats);

/** Answers a message without a body with a text, and JSON with JSON. */
async function serve(connection: NatsConnection): Promise<void> {
  const service = await new Svcm(connection as unknown as ServiceConnection).add({
    name: "bench-relay",
    version: "1.0.0",
  });
  service.addEndpoint("echo", {
    subject: SUBJECT,
    handler: (error, message) => {
      if (error !== null) throw error;
      answer(message);
    },
  });
  await connection.flush();
  process.stdout.write("ready\n");
}

function answer(message: ServiceMsg): void {
  const hasBody = message.data.length > 0;
  const fields = createHeaders();
  fields.set("content-type", hasBody ? "application/json" : "text/plain;charset=UTF-8");
  fields.set("x-request-id", message.headers?.get("x-request-id") ?? "");
  const options = { headers: fields } as unknown as ServiceOptions;
  if (hasBody) message.respond(answerJson(message.json<{ id: number }>()), options);
  else message.respond(HELLO, options);
}

function answerJson({ id }: { id: number }): string {
  return JSON.stringify({ id, text: "x".repeat(55), isValid: true });
}

function listen(connection: NatsConnection): void {
  const server = createServer((request, response) => {
    relay(connection, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, "127.0.0.1", () => {
    process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
  });
}

async function relay(
  connection: NatsConnection,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const fields = createHeaders();
  for (const [name, value] of Object.entries(request.headers)) fields.set(name, String(value));
  const options = { headers: fields, timeout: TIMEOUT_MS };
  const answer = await connection.request(SUBJECT, await readBody(request), options);
  const length = { "Content-Length": answer.data.length };
  const sent = Object.fromEntries(
    (answer.headers?.keys() ?? []).map((name) => [name, answer.headers?.get(name)]),
  );
  response.writeHead(200, { ...sent, ...length });
  response.end(answer.data);
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
