import { type NatsConnection, TimeoutError } from "@nats-io/transport-node";
import { DATA_FRAME_PREFIX, NarunError } from "../contracts/index.ts";
import type { Headers } from "./headers.ts";
import { connectFailure, createRefusals } from "./login/connect-failure.ts";
import {
  answerOf,
  followLogin,
  hasIdentity,
  type LoginTexts,
  type NatsLogin,
  tlsOf,
  withoutIdentity,
} from "./login/login.ts";
import { type Message, toMessage } from "./message.ts";
import { createOutbox } from "./outbox.ts";
import { createPermissions, refusalOf } from "./permissions.ts";
import { type RequestOptions, requestOnce } from "./request.ts";
import { createRequester, type PendingReply } from "./requester.ts";
import { parseServers } from "./server-addresses.ts";
import { DataFrames } from "./transport/data-frames.ts";
import { guardReader } from "./transport/guard-reader.ts";
import type { FrameSink } from "./transport/splitter.ts";
import { connect } from "./transport/transport.ts";
import { Writer } from "./transport/writer.ts";
import { createWorld, findWorldId, type World } from "./world.ts";

export interface NatsOptions {
  /** One server or several, comma-separated, and perhaps a login (server-addresses.ts). Default `nats://127.0.0.1:4222`. */
  url?: string;
  /** How it logs in, rather than by what `url` says: a login, or what is asked for one at each connect. */
  login?: NatsLogin | (() => LoginTexts);
  /** What the server shows for this connection. */
  name: string;
  /**
   * Told of what a subscription's handler threw: a fault of the handler. The connection and the subscription go on.
   * Default: it is thrown again as an uncaught exception.
   */
  onHandlerError?: (error: unknown, subject: string) => void;
  /**
   * Told of what the server refuses while the connection is there or comes back: the login (NATS_LOGIN_REFUSED), TLS
   * (NATS_TLS_FAILED), a subject (NATS_PERMISSIONS_VIOLATION). The connection goes on; the same is told once until it is
   * back.
   */
  onRefused?: (error: NarunError) => void;
  /** The id of the world, for a process that has been told. Default: it is looked up. */
  worldId?: string;
  /** How long the first connect may take. Default 3,000 ms; later ones are tried for ever. */
  connectTimeoutMs?: number;
}

export type ConnectionState = "connected" | "reconnecting" | "closed";

/** Of one subject. A subscription that the server does not permit gets nothing: `Nats.confirm` tells. */
export interface Subscription {
  /** Takes nothing more, at once; what the server already sent is dropped. */
  unsubscribe(): void;
  /** Takes nothing more from the server; resolves when all that it already sent has been handed over. */
  drain(): Promise<void>;
}

export interface SubscribeOptions {
  queue?: string;
  /** Hears those, too, who know no world's id: the subject is the same on the wire. */
  isOpen?: boolean;
}

/** A connection to NATS that reconnects for ever. The only way by which the parts of narun reach NATS. */
export interface Nats {
  /** The address of the server that it is, or last was, connected to. */
  readonly url: string;
  readonly state: ConnectionState;
  readonly serverVersion: string;
  /** The world that this connection belongs to; what is published and subscribed to here stays in it. */
  readonly world: World;
  /** The most bytes that headers and data of one message may have. */
  readonly maxPayload: number;
  /** For the files of this part only. */
  readonly connection: NatsConnection;
  /** Calls back on every change of state; returns the function that ends it. */
  onState(listener: (state: ConnectionState) => void): () => void;
  publish(subject: string, data: Uint8Array | string, headers?: Headers): void;
  subscribe(subject: string, handle: (message: Message) => void, options?: SubscribeOptions): Subscription;
  /** One reply. Throws NoReplyError, and NarunError with NATS_PERMISSIONS_VIOLATION. */
  request(subject: string, data: Uint8Array | string, options: RequestOptions): Promise<Message>;
  /**
   * Sends a request whose replies are called back until it is released: the hot path of the gateway. `onRefused`: the
   * server does not permit the subject, or the inbox, so that no reply will come.
   */
  send(
    subject: string,
    data: Uint8Array,
    headers: Headers,
    onReply: (message: Message) => void,
    onRefused?: (error: NarunError) => void,
  ): PendingReply;
  /**
   * Sends bytes of a stream at once: they stay as they are until they have left. While NATS is away they are dropped: the
   * stream breaks when it is back.
   */
  sendData(subject: string, seq: number, bytes: Uint8Array, onSent?: () => void): void;
  /** Shows the data frames that come on a subject, which is subscribed to, to `sink`; returns what ends that. */
  takeData(subject: string, sink: FrameSink): () => void;
  flush(): Promise<void>;
  /**
   * Resolves when the server has taken these subscriptions (default: all). Error: NATS_PERMISSIONS_VIOLATION, where it
   * does not permit one.
   */
  confirm(subscriptions?: Iterable<Subscription>): Promise<void>;
  /** Calls back with every subject that the server does not permit; returns the function that ends it. */
  onRefused(listener: (refusal: NarunError) => void): () => void;
  /** Closes after all that was published has been sent. */
  close(): Promise<void>;
}

const DEFAULT_URL = "nats://127.0.0.1:4222";

/** What is thrown inside the client library's callbacks ends its reader, and the connection is deaf from then on. */
function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

const RECONNECT_FIRST_MS = 25;
const RECONNECT_MAX_MS = 2_000;

/**
 * Connects to NATS. Errors: NATS_UNREACHABLE, when no server answers in time; NATS_LOGIN_REFUSED; NATS_TLS_FAILED;
 * NATS_TOO_OLD, below 2.14; USAGE, where the address or the login cannot be read.
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export async function connectNats(options: NatsOptions): Promise<Nats> {
  const { url, servers, isTls, login: loginOfUrl } = parseServers(options.url ?? DEFAULT_URL);
  const onHandlerError = options.onHandlerError ?? throwLater;
  const { login = {} } = options;
  const readLogin = typeof login === "function" ? login : followLogin(combine(login, loginOfUrl));
  let reconnectDelayMs = decideReconnectDelayMs(0, Math.random());
  const frames = new DataFrames();
  let socketError: Error | undefined;
  let isThere = false;
  const refusals = createRefusals((error) => connectFailure(url, error, readLogin()), options.onRefused);
  const connection = await connect({
    frames,
    readTls: () => tlsOf(readLogin()) ?? (isTls ? {} : undefined),
    onSocketError: (error) => {
      socketError = error;
      if (isThere) refusals.note(error);
    },
    servers,
    name: options.name,
    timeout: options.connectTimeoutMs ?? 3_000,
    maxReconnectAttempts: -1,
    // A server whose logins are being changed refuses some for a while: that, too, is waited for.
    ignoreAuthErrorAbort: true,
    // Asked several times for one attempt, so the answer must stay until the next one.
    reconnectDelayHandler: () => reconnectDelayMs,
    // A dead peer is noticed within 5 s.
    pingInterval: 2_000,
    maxPingOut: 2,
    noAsyncTraces: true,
    authenticator: (nonce) => answerOf(readLogin(), nonce),
  }).catch((error: unknown) => {
    throw connectFailure(url, error instanceof TimeoutError ? (socketError ?? error) : error, readLogin());
  });

  isThere = true;
  const version = connection.info?.version ?? "unknown";
  if (!isRecentServer(version)) {
    await connection.close();
    throw new NarunError("NATS_TOO_OLD", { detail: `found ${version} at ${url}` });
  }

  let state: ConnectionState = "connected";
  const listeners = new Set<(state: ConnectionState) => void>();
  const enter = (next: ConnectionState) => {
    if (next === state) return;
    state = next;
    for (const listener of [...listeners]) listener(next);
  };
  guardReader(connection, onHandlerError);
  const writer = new Writer(connection);
  const outbox = createOutbox({
    connection,
    writer,
    isAway: () => state === "reconnecting",
    onError: onHandlerError,
  });
  const permissions = createPermissions();
  let attempts = 0;
  void (async () => {
    for await (const event of connection.status()) {
      if (event.type === "error") {
        refusals.note(event.error);
        permissions.note(event.error);
      }
      if (event.type === "disconnect") enter("reconnecting");
      if (event.type === "reconnecting") attempts += 1;
      if (event.type === "reconnect") {
        attempts = 0;
        refusals.forget();
        outbox.resume();
        enter("connected");
      }
      reconnectDelayMs = decideReconnectDelayMs(attempts, Math.random());
    }
  })();
  const refused = new Map<Subscription, NarunError>();
  void connection.closed().then(() => enter("closed"));
  const world = createWorld(options.worldId ?? (await findWorldId(connection)));
  const onClosed = (listener: () => void) => {
    const listen = (next: ConnectionState) => next === "closed" && listener();
    listeners.add(listen);
    return () => listeners.delete(listen);
  };
  const requester = {
    ...createRequester({ connection, outbox, world, onRefused: permissions.listen, onHandlerError }),
    onClosed,
    isClosed: () => connection.isClosed(),
  };

  return {
    get url() {
      return `nats://${connection.getServer()}`;
    },
    get state() {
      return state;
    },
    get maxPayload() {
      return connection.info?.max_payload ?? 1_048_576;
    },
    serverVersion: version,
    world,
    connection,
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    publish(subject, data, headers) {
      outbox.publish(world.toWire(subject), data, { headers });
    },
    subscribe(subject, handle, { queue, isOpen = false } = {}) {
      const subscription = connection.subscribe(isOpen ? subject : world.toWire(subject), {
        ...(queue === undefined ? {} : { queue }),
        callback: (error, message) => {
          // The library reports its own closing this way; the state listener tells of it.
          if (error !== null) {
            const refusal = refusalOf(error);
            if (refusal !== undefined) refused.set(opened, refusal);
            return;
          }
          try {
            handle(toMessage(message, outbox, world));
          } catch (thrown) {
            onHandlerError(thrown, subject);
          }
        },
      });
      const opened: Subscription = {
        unsubscribe() {
          refused.delete(opened);
          subscription.unsubscribe();
        },
        // A subscription of a closed connection has nothing left to hand over.
        drain() {
          refused.delete(opened);
          outbox.flush();
          return subscription.isClosed() || connection.isClosed() ? Promise.resolve() : subscription.drain();
        },
      };
      return opened;
    },
    request: (subject, data, options) => requestOnce(requester, { subject, data, ...options }),
    send: requester.send,
    sendData(subject, seq, payload, onSent) {
      const wire = world.toWire(subject);
      writer.write({ subject: wire, fields: `${DATA_FRAME_PREFIX}${seq}\r\n`, payload, onSent });
    },
    takeData: (subject, sink) => frames.take(world.toWire(subject), sink),
    flush() {
      outbox.flush();
      return connection.flush();
    },
    async confirm(subscriptions) {
      outbox.flush();
      await connection.flush();
      const [refusal] =
        subscriptions === undefined
          ? refused.values()
          : [...subscriptions].flatMap((one) => refused.get(one) ?? []);
      if (refusal !== undefined) throw refusal;
    },
    onRefused: permissions.listen,
    async close() {
      if (connection.isClosed()) return;
      outbox.flush();
      // A connection that is away has nobody to flush to.
      if (state === "connected") await connection.drain().catch(() => connection.close());
      else await connection.close();
    },
  };
}

/** What is given apart from the address goes before what that says. */
function combine(login: NatsLogin, loginOfUrl: NatsLogin): NatsLogin {
  return hasIdentity(login) ? login : { ...loginOfUrl, ...withoutIdentity(login) };
}

/** Whether a server has what narun stands on: message schedules, per-message TTL, atomic batches (2.14). */
export function isRecentServer(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 14);
}

/**
 * How long after one attempt to reconnect the next comes: fast at first, as a restarted server is back in some ten
 * milliseconds, then once every 2 s. `random`, from 0 to 1, spreads a fleet so that it does not come back in one instant.
 */
export function decideReconnectDelayMs(attempts: number, random: number): number {
  return Math.min(RECONNECT_MAX_MS, RECONNECT_FIRST_MS * 2 ** Math.min(attempts, 10)) * (0.5 + random / 2);
}
