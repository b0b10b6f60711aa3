/**
 * The client of a service in a program that narun did not start: `connect<typeof orders>("orders", { nats })`. Its calls take the
 * way of calls between functions: straight to an instance where its login permits that (known-callee.ts), else by a gateway, which
 * holds them, wakes the service and chooses an instance.
 */
import {
  createProblem,
  decodeReply,
  type ErrorCode,
  explainFailure,
  NAME_PATTERN,
  NO_FIELDS,
  PROBLEM_CONTENT_TYPE,
  RecipientSchema,
} from "../../contracts/index.ts";
import type { ConnectedService, ConnectOptions, ConnectSeal } from "../../functions/sdk/index.ts";
import { connectNats, type Nats } from "../../nats/index.ts";
import { collectBody, createOpenCalls, createPeers, createStreamPresence } from "../../streams/index.ts";
import { sealedBy, withActions } from "../../web/index.ts";
import { bodyOfBytes } from "../calls/body-of-bytes.ts";
import { CallHead } from "../calls/call-head.ts";
import { NearDoors } from "../calls/near-instances.ts";
import { type Caller, type CallReply, ServiceCalls } from "../calls/service-calls.ts";
import { createKnownCallee, type KnownCallee } from "./known-callee.ts";
import { resolveAccess } from "./options.ts";
import { urlOfEnvironment } from "./serve.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
/** Upper bound of an answer, which is read whole. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Upper bound of an input in one message; the rest of a larger one follows in frames. */
const FIRST_BYTES = 64 * 1024;

/** Errors: a TypeError for wrong options; NATS_UNREACHABLE, NATS_LOGIN_REFUSED. */
export async function connect<S>(
  service: string,
  options: ConnectOptions = {},
): Promise<ConnectedService<S>> {
  if (!NAME_PATTERN.test(service))
    throw new TypeError(`connect: ${JSON.stringify(service)} is no name of a service`);
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const nats = await connectNats({
    ...resolveAccess(options.nats, urlOfEnvironment()),
    name: `narun client of ${service}`,
  });
  const parts = {
    nats,
    peers: createPeers(nats),
    presence: createStreamPresence(nats),
    calls: createOpenCalls(nats),
  };
  const services = new ServiceCalls({
    ...{ streams: parts, node: "" },
    near: new NearDoors(nats, parts.presence.peer),
    // A gateway takes a call that no instance takes.
    warn: () => undefined,
  });
  const known = createKnownCallee({
    ...{ nats, service },
    set: (callee) => services.setCallees(callee === undefined ? [] : [callee]),
  });
  const target = { service, services, known, timeoutMs };
  const sealed = options.seal && (await openSealing(nats, service, options.seal));
  const client = {
    fetch: (path: string, init: Init) => fetchService(target, path, init),
    async close() {
      sealed?.close();
      services.close();
      parts.calls.close();
      parts.presence.close();
      parts.peers.close();
      await nats.close();
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
  return withActions(
    client,
    sealed && sealedBy(sealed.sealing, client.fetch),
  ) as unknown as ConnectedService<S>;
}

/** Loaded late: most clients seal nothing. */
async function openSealing(nats: Nats, service: string, { label, as, keys, passphrase }: ConnectSeal) {
  const { createIdentitySealer } = await import("../../keys/index.ts");
  const recipient = RecipientSchema.safeParse(as);
  if (!recipient.success) throw new TypeError(`connect: seal.as is user:NAME, and not ${JSON.stringify(as)}`);
  const { port, close } = createIdentitySealer({
    ...{ nats, recipient: recipient.data, folder: { path: keys, passphrase } },
    // The directory before stays in use; a call that lacks something says so.
    onRefused: () => undefined,
  });
  return { close, sealing: { service, label, port } };
}

interface Init {
  method: string;
  headers: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

interface ClientTarget {
  service: string;
  services: ServiceCalls;
  known: KnownCallee;
  timeoutMs: number;
}

async function fetchService(
  { service, services, known, timeoutMs }: ClientTarget,
  path: string,
  { method, headers: fields, body = "", signal }: Init,
): Promise<Response> {
  signal.throwIfAborted();
  known.note("called");
  const [rawPath = "/", query = ""] = path.split("?");
  const requestId = crypto.randomUUID();
  const head = new CallHead({
    ...{ method, rawPath, query, host: service, scheme: "http", requestId, hops: 0 },
    fields: Object.entries(fields).flat(),
  });
  if (!head.isSendable) throw new TypeError("the request has a field that cannot be sent");
  const bytes = Buffer.from(body);
  const first = bytes.subarray(0, FIRST_BYTES);
  const rest = bytes.byteLength > FIRST_BYTES ? bodyOfBytes(bytes.subarray(FIRST_BYTES)) : undefined;
  const endsAtMs = performance.now() + timeoutMs;
  const caller: Caller = { signal };
  const calling = services.call({ service, head, first, rest, endsAtMs, caller });
  const left = new Promise<never>((_, reject) => {
    const leave = () => {
      caller.onAbort?.();
      reject(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
  });
  const reply = await Promise.race([calling, left]);
  const failed = (code: ErrorCode) => problem(code, service, requestId);
  if (reply.kind === "failed") return failed(reply.code);
  if ("message" in reply.told) known.note("answered");
  return responseOf(reply, failed);
}

async function responseOf(
  reply: Exclude<CallReply, { kind: "failed" }>,
  failed: (code: ErrorCode) => Response,
): Promise<Response> {
  const { told } = reply;
  const whole = "reply" in told ? told.reply.data : told.message.data;
  const message = "reply" in told ? { headers: told.reply.headers(), data: whole } : told.message;
  const read = decodeReply(message, { names: "lower", omitted: NO_FIELDS });
  if (read.kind === "failed") return failed(read.code);
  if (read.kind === "service-error") return failed("SERVICE_ERROR");
  const { status, fields } = read;
  const data = reply.kind === "whole" ? whole : await collectBody(reply.body, MAX_ANSWER_BYTES);
  if (typeof data === "string") {
    if (reply.kind === "stream") reply.cancel();
    return failed(data);
  }
  const headers = new Headers();
  for (let at = 0; at + 1 < fields.length; at += 2) headers.append(fields[at] ?? "", fields[at + 1] ?? "");
  const hasBody = status !== 204 && status !== 205 && status !== 304;
  return new Response(hasBody ? new Uint8Array(data) : null, { status, headers });
}

function problem(code: ErrorCode, name: string, requestId: string): Response {
  const told = createProblem(code, requestId, explainFailure(code, { name, kind: "function" }));
  return new Response(JSON.stringify(told), {
    status: told.status,
    headers: { "content-type": PROBLEM_CONTENT_TYPE },
  });
}
