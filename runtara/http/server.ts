/**
 * The HTTP door to Runtara's instances, for the SDKs 1.6.4.
 *
 * I1  The next request on a connection proves that its client has the answer before: clients do not pipeline. A connection that
 *     closes before that proves nothing, and a delivery is confirmed by a proof alone.
 * I2  A sleep is never answered early, as its answer is the wake-up: a door that closes cuts its connection.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "pino";
import { errorEntry, isNarunError, messageOf, NarunError } from "../../contracts/index.ts";
import { type Address, listen } from "../../machine/index.ts";
import { storeProblem } from "../../nats/index.ts";
import type { Grant } from "../core/access.ts";
import type { Runtara } from "../core/runtara.ts";
import type { Delivery } from "../core/signals.ts";
import type { Answer } from "./call.ts";
import { findRoute } from "./routes.ts";
import { isLocalProgram, splitToken, tokenOf } from "./token.ts";

export interface RuntaraHttpOptions {
  runtara: Runtara;
  address: Address;
  /** Calls from this machine need no token. */
  isOpen: boolean;
  version: string;
  log: Logger;
}

export interface RuntaraHttp {
  /** The base URL. */
  readonly url: string;
  /** Takes nothing new, answers the calls under way within the grace, and cuts the rest. */
  close(options?: { graceMs?: number }): Promise<void>;
}

/** Longer than proxies keep a connection: one that closes at the wrong moment loses a POST. */
const KEEP_ALIVE_MS = 150_000;
const CLOSE_GRACE_MS = 2_000;

/** Opens the door. Errors: those of `listen`. */
export async function startRuntaraHttp(options: RuntaraHttpOptions): Promise<RuntaraHttp> {
  const door = new Door(options);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) =>
    door.serve(request, response),
  );
  const url = await listen(server, options.address, "--runtara-http");
  return {
    url,
    async close({ graceMs = CLOSE_GRACE_MS } = {}) {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      door.cutSleeps();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

class Door {
  readonly #options: RuntaraHttpOptions;
  readonly #startedAtMs = Date.now();
  /** Answers whose delivery the next request on their connection proves. */
  readonly #unproven = new WeakMap<Socket, Delivery>();
  readonly #sleeping = new Set<Socket>();

  constructor(options: RuntaraHttpOptions) {
    this.#options = options;
  }

  cutSleeps(): void {
    for (const socket of this.#sleeping) socket.destroy();
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const gone = new AbortController();
    response.once("close", () => !response.writableFinished && gone.abort());
    try {
      await this.#confirmFormer(socket);
      const answer = await this.#answer(request, gone.signal);
      const { delivery } = answer;
      if (delivery !== undefined) response.once("finish", () => this.#unproven.set(socket, delivery));
      send(response, answer.status ?? 200, answer.body);
    } catch (error) {
      if (gone.signal.aborted) return;
      this.#refuse(response, error);
    }
  }

  /** A delivery that cannot be noted comes again: that loses nothing. */
  async #confirmFormer(socket: Socket): Promise<void> {
    const delivery = this.#unproven.get(socket);
    if (delivery === undefined) return;
    this.#unproven.delete(socket);
    await delivery.confirm().catch((error: unknown) => {
      this.#options.log.warn({ error: messageOf(error) }, "a delivery to a program of Runtara was not noted");
    });
  }

  async #answer(request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
    const { runtara, version } = this.#options;
    const url = new URL(request.url ?? "/", "http://door");
    const { token: inPath, parts } = splitToken((request.url ?? "/").split("?", 1)[0] ?? "/");
    const found = findRoute(request.method ?? "", parts);
    if (found === undefined)
      throw new NarunError("RUNTARA_NO_SUCH_CALL", { detail: `${request.method} ${url.pathname}` });
    const { route, path } = found;
    const grant = route.isPublic === true ? {} : this.#grantOf(request, inPath);
    const call = {
      runtara,
      version,
      request,
      path,
      grant,
      signal,
      query: url.searchParams,
      startedAtMs: this.#startedAtMs,
    };
    const isSleep = parts.at(-1) === "sleep";
    if (isSleep) this.#sleeping.add(request.socket);
    try {
      return await route.handle(call);
    } finally {
      if (isSleep) this.#sleeping.delete(request.socket);
    }
  }

  /** Error: RUNTARA_TOKEN_REFUSED. */
  #grantOf(request: IncomingMessage, inPath: string | undefined): Grant {
    const { runtara, isOpen } = this.#options;
    const token = inPath ?? tokenOf(request.headers.authorization);
    if (token === undefined) {
      if (isOpen && isLocalProgram(request)) return {};
      throw new NarunError("RUNTARA_TOKEN_REFUSED", { detail: "it has none" });
    }
    const grant = runtara.access.verify(token);
    if (grant === undefined)
      throw new NarunError("RUNTARA_TOKEN_REFUSED", { detail: "it is not one of this narun" });
    return grant;
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (isNarunError(error)) {
      const { status = 503 } = errorEntry(error.code);
      if (status === 401) response.setHeader("WWW-Authenticate", 'Basic realm="runtara"');
      send(response, status, { success: false, error: error.message, code: error.code });
      return;
    }
    const isAway = storeProblem(error) !== undefined;
    if (!isAway) this.#options.log.error({ err: error }, "a call of Runtara's door failed");
    const code = isAway ? "NATS_JETSTREAM_UNAVAILABLE" : "INTERNAL";
    send(response, isAway ? 503 : 500, {
      success: false,
      error: isAway ? "NATS does not answer" : "it failed",
      code,
    });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  // A body that was not read would be taken for the next request.
  if (!response.req.complete) response.setHeader("Connection", "close");
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": bytes.byteLength });
  response.end(bytes);
}
