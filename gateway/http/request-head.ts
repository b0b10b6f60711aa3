import type { Socket } from "node:net";
import {
  type ClientFacts,
  encodeRequest,
  encodeRequestText,
  type Headers,
  NarunError,
  type RequestFacts,
} from "../../contracts/index.ts";
import type { SendableHead } from "../../dispatch/index.ts";
import type { GatewayTraces } from "../traces/gateway-traces.ts";
import { describeHttp } from "../traces/http-trace.ts";
import type { Exchange } from "./exchange.ts";
import { clientOf, type IsTrusted } from "./forwarded.ts";
import type { RequestTarget } from "./request-path.ts";

export interface RequestHeadOptions {
  /** The host that the request names. The field of a trusted proxy counts before that. */
  host: string;
  isTrusted: IsTrusted;
  /** The end of the wait for the answer, by `performance.now()`. */
  endsAtMs: number;
  /** The form that is made at once. The other one is made where a carrier asks for it. */
  form: "text" | "headers";
  /** Undefined: traces are off, and a client's trace goes through as it is. */
  traces: GatewayTraces | undefined;
}

/**
 * The head of a client's request; undefined where its target or a field cannot be sent, which both forms tell alike. The fields
 * of a trusted proxy about the client, the scheme and the host count.
 */
export function requestHead(
  exchange: Exchange,
  { rawPath, query }: RequestTarget,
  { host, isTrusted, endsAtMs, form, traces }: RequestHeadOptions,
): SendableHead | undefined {
  const { incoming, method, requestId, upgrade } = exchange;
  const { socket, rawHeaders } = incoming;
  const {
    address,
    scheme,
    host: forwardedHost = host,
  } = clientOf(socket.remoteAddress ?? "", rawHeaders, isTrusted);
  const isUpgrade = upgrade !== undefined;
  let fields = rawHeaders;
  if (traces !== undefined) {
    const trace = traces.begin(rawHeaders, exchange.startedMs);
    describeHttp(trace, {
      ...{ method, scheme, requestId, route: exchange.pattern, path: rawPath, host: forwardedHost },
      ...{ clientAddress: address, userAgent: incoming.headers["user-agent"] },
      service: exchange.destination.service,
    });
    exchange.trace = trace;
    fields = trace.fields;
  }
  const facts = { method, rawPath, query, host: forwardedHost, scheme, fields, requestId, isUpgrade };
  return clientHead(facts, { address, remoteAddress: peerOf(socket) }, { endsAtMs, form });
}

/** The head of a request in the form that is asked for; undefined where it cannot be sent. */
export function clientHead(
  facts: RequestFacts,
  client: ClientFacts,
  { endsAtMs, form }: Pick<RequestHeadOptions, "endsAtMs" | "form">,
): SendableHead | undefined {
  const head = new ClientHead(facts, client, endsAtMs);
  return head.make(form) ? head : undefined;
}

class ClientHead implements SendableHead {
  readonly hops = 0;
  readonly #facts: RequestFacts;
  readonly #client: ClientFacts;
  readonly #endsAtMs: number;
  #headers: Headers | undefined;
  #text: string | undefined;

  constructor(facts: RequestFacts, client: ClientFacts, endsAtMs: number) {
    this.#facts = facts;
    this.#client = client;
    this.#endsAtMs = endsAtMs;
  }

  get isUpgrade(): boolean {
    return this.#facts.isUpgrade === true;
  }

  /** Makes a form; false where the head cannot be sent. */
  make(form: RequestHeadOptions["form"]): boolean {
    if (form === "text") return this.text() !== undefined;
    this.#headers = encodeRequest(this.#facts, {
      timeoutMs: this.#endsAtMs - performance.now(),
      client: this.#client,
    });
    return this.#headers !== undefined;
  }

  headers(): Headers {
    if (this.#headers === undefined) this.make("headers");
    // The text was made, so that the headers can be.
    if (this.#headers === undefined) throw new NarunError("INTERNAL");
    return this.#headers;
  }

  text(): string | undefined {
    this.#text ??= encodeRequestText(this.#facts, this.#client);
    return this.#text;
  }
}

/** `127.0.0.1:45326`, `[::1]:45326` */
export function peerOf({
  remoteAddress = "",
  remotePort = 0,
}: Partial<Pick<Socket, "remoteAddress" | "remotePort">>): string {
  return remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
