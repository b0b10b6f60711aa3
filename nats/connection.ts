import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import { inboxRoots, NarunError, ROLES, type Role } from "../contracts/index.ts";
import { ClusterView } from "./cluster-view.ts";
import { type ConnectionState, ConnectionStatus } from "./connection-status.ts";
import { COPIES_OF_CLUSTER, type CopiesChoice } from "./copies-choice.ts";
import type { Headers } from "./headers.ts";
import { inboxOf } from "./identity/claims.ts";
import { followChangedLogin } from "./login/changed-login.ts";
import { connectFailure, createRefusals, isTlsFailure } from "./login/connect-failure.ts";
import { createFirstLogins, openFirst } from "./login/first-logins.ts";
import { answerOf, combine, followLogin, type LoginTexts, type NatsLogin, tlsOf } from "./login/login.ts";
import { LoginRenewal } from "./login/renew-login.ts";
import { followMajority } from "./majority.ts";
import type { Message, MessageParts } from "./message.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { createPermissions, type Permissions } from "./permissions.ts";
import { ReconnectDelay } from "./reconnect-delay.ts";
import { type RequestOptions, type RequestParts, requestOnce } from "./request.ts";
import { type PendingReply, Requester } from "./requester.ts";
import { parseServers, shuffled } from "./server-addresses.ts";
import { isRecentServer } from "./server-version.ts";
import { openSubjectSet, type SubjectSet } from "./subject-set.ts";
import { type Subscription, Subscriptions } from "./subscriptions.ts";
import { throwLater } from "./throw-later.ts";
import { openWire } from "./transport/open-wire.ts";
import type { FrameSink } from "./transport/splitter.ts";
import type { NatsTransport, Wire, WireOptions, WireWriter } from "./transport/wire.ts";
import { createWorld, findWorldId, type World } from "./world.ts";

export interface NatsOptions {
  /** One server or several, comma-separated, and perhaps a login (server-addresses.ts). Default `nats://127.0.0.1:4222`. */
  url?: string;
  /** Its login, in place of the address' own; or a function that is asked for a login at each connect. */
  login?: NatsLogin | (() => LoginTexts);
  /** The name of this connection in the server's reports. */
  name: string;
  /**
   * Called with an error that a subscription's handler threw: a fault of the handler. The connection and the subscription go
   * on. Default: it is thrown again as an uncaught exception.
   */
  onHandlerError?: (error: unknown, subject: string) => void;
  /**
   * Called when the server refuses something while the connection is there or comes back: the login (NATS_LOGIN_REFUSED),
   * TLS (NATS_TLS_FAILED), a subject (NATS_PERMISSIONS_VIOLATION). The connection goes on; the same refusal comes once until
   * it is back.
   */
  onRefused?: (error: NarunError) => void;
  /** Called when work waits for JetStream, as a leader is elected, and when none waits any more. */
  onWait?: ((isWaiting: boolean) => void) | undefined;
  /** The id of the world, for a process that knows it. Default: it is looked up. */
  worldId?: string;
  /** Copies of every stream that narun makes. Default: three in a cluster of three servers or more, else one. */
  copies?: number | undefined;
  /** How long the first connect may take. Default 3,000 ms; later ones are tried for ever. */
  connectTimeoutMs?: number;
  /**
   * All connections of a process have the same one. Default `own`. Where the installed client library is another one than `own`
   * was written for, the connection is `plain`, and `onWarning` gets the reason. Default: a warning of the process.
   */
  transport?: NatsTransport;
  onWarning?: (text: string) => void;
}

export interface SubscribeOptions {
  queue?: string;
  /** Hears senders that know no world's id, too: the subject is the same on the wire. */
  isOpen?: boolean;
}

/** A connection to NATS that reconnects for ever. The only way by which the parts of narun reach NATS. */
export interface Nats {
  /** The address of the server of the current, or the last, connection. */
  readonly url: string;
  readonly state: ConnectionState;
  readonly serverVersion: string;
  readonly transport: NatsTransport;
  /** The world that this connection belongs to: its messages and subscriptions stay in it. */
  readonly world: World;
  /** The cluster of its server. */
  readonly cluster: ClusterView;
  /** The copies of the streams that are made on this connection. */
  readonly copies: CopiesChoice;
  /** The most bytes that headers and data of one message may have. */
  readonly maxPayload: number;
  /** For the files of this part only. */
  readonly connection: NatsConnection;
  /**
   * The role of its login in a network of narun's own. A host has rights for a few functions only: some requests take a longer way, on
   * which the server sees their subjects. Undefined: the login is of another making, or there is none.
   */
  readonly role: Role | undefined;
  /** A subject for replies that this login may hear, and no other has. */
  createInbox(): string;
  /** Logs in anew, with the login of now. Resolves when the server has taken it. No request is lost; streams break off. */
  renewLogin(): Promise<void>;
  /** The connection is about to be another one: what leaves now may get lost. */
  readonly isRenewing: boolean;
  /** Calls back on every change of state; returns the function that ends it. */
  onState(listener: (state: ConnectionState) => void): () => void;
  publish(subject: string, data: Uint8Array | string, headers?: Headers): void;
  subscribe(subject: string, handle: (message: Message) => void, options?: SubscribeOptions): Subscription;
  /** An empty set of subjects of a queue group, which may become thousands (subject-set.ts). */
  openSubjects(queue: string, handle: (message: Message) => void): SubjectSet;
  /** One reply. Throws NoReplyError, and NarunError with NATS_PERMISSIONS_VIOLATION. */
  request(subject: string, data: Uint8Array | string, options: RequestOptions): Promise<Message>;
  /**
   * Sends a request whose replies are called back until it is released: the hot path of the gateway. `onRefused`: the
   * server does not permit the subject, or the inbox, so that no reply will come.
   */
  send(
    subject: string,
    data: Uint8Array | string,
    headers: Headers,
    onReply: (message: Message) => void,
    onRefused?: (error: NarunError) => void,
  ): PendingReply;
  /**
   * A number for a request that goes another way than over NATS; `send` gives the same request no number then. Its replies
   * over NATS, like a reply that an answerer sends again, are called back until it is released. `onRefused`: the server does not
   * permit the inbox, so that none will come.
   */
  reserve(onReply: (message: Message) => void, onRefused?: (error: NarunError) => void): PendingReply;
  /** The subject of a request's replies is this prefix, and its number in base 36. It stays the same. */
  readonly replyPrefix: string;
  /**
   * Sends bytes of a stream at once. The bytes stay as they are until they have left. While NATS is away the bytes
   * are dropped: the stream breaks when it is back.
   */
  sendData(subject: string, seq: number, bytes: Uint8Array, onSent?: () => void): void;
  /**
   * Shows the data frames that come on a subject, which is subscribed to, to `sink`; returns the function that ends it. On
   * the plain transport they come as messages instead.
   */
  takeData(subject: string, sink: FrameSink): () => void;
  flush(): Promise<void>;
  /**
   * Resolves when the server has taken these subscriptions (default: all). Error: NATS_PERMISSIONS_VIOLATION, where it
   * does not permit one.
   */
  confirm(subscriptions?: Iterable<Subscription>): Promise<void>;
  /** Calls back with every subject that the server does not permit; returns the function that ends it. */
  onRefused(listener: (refusal: NarunError) => void): () => void;
  /** Closes after all published messages have been sent. */
  close(): Promise<void>;
}

const DEFAULT_URL = "nats://127.0.0.1:4222";
const DEFAULT_CONNECT_TIMEOUT_MS = 3_000;

/**
 * Connects to NATS. Errors: NATS_UNREACHABLE, when no server answers in time; NATS_LOGIN_REFUSED; NATS_TLS_FAILED;
 * NATS_TOO_OLD, below 2.14; USAGE, where the address or the login cannot be read.
 */
export async function connectNats(options: NatsOptions): Promise<Nats> {
  const { url, servers, isTls, login: loginOfUrl } = parseServers(options.url ?? DEFAULT_URL);
  const { login = {}, onHandlerError = throwLater } = options;
  const readLogin = typeof login === "function" ? login : followLogin(combine(login, loginOfUrl));
  const refusals = createRefusals((error) => connectFailure(url, error, readLogin()), options.onRefused);
  const delay = new ReconnectDelay();
  const firstLogins = createFirstLogins(servers.length);
  let socketError: Error | undefined;
  let isThere = false;
  let taken: LoginTexts = {};
  const choice = { wanted: options.transport ?? "own", onWarning: options.onWarning ?? process.emitWarning };
  const inboxPrefix = inboxOf(readLogin().creds);
  const settings: WireOptions = {
    readTls: () => tlsOf(readLogin()) ?? (isTls ? {} : undefined),
    onSocketError: (error) => {
      // After a TLS alert the socket may report that it was reset as well: that says less.
      if (socketError === undefined || !isTlsFailure(socketError)) socketError = error;
      if (isThere) refusals.note(error);
    },
    servers: shuffled(servers),
    // The order of the servers is ours (nats/majority.ts).
    noRandomize: true,
    name: options.name,
    timeout: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    maxReconnectAttempts: -1,
    // A server whose logins are being changed refuses some for a while. The connection waits for that as for a restart.
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler() {
      if (!isThere) firstLogins.check();
      return delay.currentMs;
    },
    // A dead peer is noticed within 5 s. Of the plain transport alone: the own one has its `Liveness`.
    pingInterval: 1_500,
    maxPingOut: 2,
    noAsyncTraces: true,
    authenticator: (nonce) => {
      firstLogins.note();
      taken = readLogin();
      return answerOf(taken, nonce);
    },
  };
  const { wire, transport } = await openFirst(
    () => openWire(settings, choice),
    () => socketError,
  ).catch((error: unknown) => {
    throw connectFailure(url, error, readLogin());
  });
  isThere = true;
  const { connection } = wire;
  const version = connection.info?.version ?? "unknown";
  if (!isRecentServer(version)) {
    await connection.close();
    throw new NarunError("NATS_TOO_OLD", { detail: `found ${version} at ${url}` });
  }
  const permissions = createPermissions();
  const onError = (error: Error) => {
    refusals.note(error);
    permissions.note(error);
  };
  const cluster = new ClusterView(connection, options.onWait);
  const status = new ConnectionStatus({ connection, delay, onError, onCluster: () => cluster.look() });
  status.listen((state) => {
    if (state === "connected") refusals.forget();
  });
  followMajority({ connection, cluster, servers, isConnected: () => status.state === "connected" });
  const copies = () => copiesOf(options.copies, cluster);
  const world = createWorld(options.worldId ?? (await findWorldId({ connection, cluster }, copies)));
  const parts = { wire, transport, world, status, cluster, copies, permissions, inboxPrefix, onHandlerError };
  const nats = new OpenConnection(parts);
  if (typeof login === "object" && typeof login.creds === "object")
    followChangedLogin(nats, readLogin, () => taken);
  return nats;
}

function copiesOf(given: number | undefined, { most }: ClusterView): CopiesChoice {
  const copies = given ?? (most >= COPIES_OF_CLUSTER ? COPIES_OF_CLUSTER : 1);
  return { copies, isGiven: given !== undefined };
}

interface OpenConnectionOptions {
  wire: Wire;
  transport: NatsTransport;
  world: World;
  status: ConnectionStatus;
  cluster: ClusterView;
  copies(): CopiesChoice;
  permissions: Permissions;
  inboxPrefix: string | undefined;
  onHandlerError(error: unknown, subject: string): void;
}

class OpenConnection implements Nats {
  readonly transport: NatsTransport;
  readonly world: World;
  readonly cluster: ClusterView;
  readonly connection: NatsConnection;
  readonly serverVersion: string;
  readonly onRefused: Nats["onRefused"];
  readonly send: Nats["send"];
  readonly reserve: Nats["reserve"];
  readonly renewLogin: Nats["renewLogin"];
  readonly replyPrefix: string;
  readonly #wire: Wire;
  readonly #status: ConnectionStatus;
  readonly #writer: WireWriter;
  readonly #outbox: Outbox;
  readonly #subscriptions: Subscriptions;
  readonly #renewal: LoginRenewal;
  readonly #requestParts: RequestParts;
  readonly #parts: MessageParts;
  readonly #copies: () => CopiesChoice;
  readonly #inboxPrefix: string | undefined;
  readonly #onHandlerError: (error: unknown, subject: string) => void;

  constructor(options: OpenConnectionOptions) {
    const { wire, transport, world, status, permissions, inboxPrefix, onHandlerError } = options;
    const { connection } = wire;
    this.#inboxPrefix = inboxPrefix;
    this.transport = transport;
    this.world = world;
    this.connection = connection;
    this.cluster = options.cluster;
    this.#copies = options.copies;
    this.serverVersion = connection.info?.version ?? "unknown";
    this.onRefused = permissions.listen;
    this.#wire = wire;
    this.#status = status;
    const isAway = () => status.state === "reconnecting";
    this.#writer = wire.open({ isAway, onError: onHandlerError });
    this.#outbox = createOutbox({ connection, writer: this.#writer, isAway, onError: onHandlerError });
    status.listen((state) => {
      if (state === "connected") this.#outbox.resume();
    });
    const parts = { outbox: this.#outbox, world };
    this.#subscriptions = new Subscriptions({ wire, parts, onHandlerError });
    this.#parts = parts;
    this.#onHandlerError = onHandlerError;
    const requester = new Requester({
      inbox: this.createInbox(),
      parts,
      subscriptions: this.#subscriptions,
      onRefused: permissions.listen,
      onHandlerError,
    });
    this.#renewal = new LoginRenewal({ connection, requester, status, outbox: this.#outbox });
    this.renewLogin = () => this.#renewal.renew();
    this.send = requester.send.bind(requester);
    this.reserve = requester.reserve.bind(requester);
    this.replyPrefix = requester.prefix;
    this.#requestParts = {
      send: this.send,
      isClosed: () => connection.isClosed(),
      onClosed: (listener) => status.listen((state) => state === "closed" && listener()),
    };
  }

  get url(): string {
    return `nats://${this.connection.getServer()}`;
  }

  get state(): ConnectionState {
    return this.#status.state;
  }

  get copies(): CopiesChoice {
    return this.#copies();
  }

  get maxPayload(): number {
    return this.connection.info?.max_payload ?? 1_048_576;
  }

  get role(): Role | undefined {
    return ROLES.find((role) => this.#inboxPrefix?.startsWith(`${inboxRoots[role]}.`));
  }

  createInbox(): string {
    return createInbox(this.#inboxPrefix);
  }

  get isRenewing(): boolean {
    return this.#renewal.isUnderWay;
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    return this.#status.listen(listener);
  }

  publish(subject: string, data: Uint8Array | string, headers?: Headers): void {
    this.#outbox.publish(this.world.toWire(subject), data, { headers });
  }

  subscribe(
    subject: string,
    handle: (message: Message) => void,
    { queue, isOpen = false }: SubscribeOptions = {},
  ): Subscription {
    const wire = isOpen ? subject : this.world.toWire(subject);
    return this.#subscriptions.open(wire, queue, handle);
  }

  openSubjects(queue: string, handle: (message: Message) => void): SubjectSet {
    return openSubjectSet({
      wire: this.#wire,
      writer: this.#writer,
      parts: this.#parts,
      subscriptions: this.#subscriptions,
      ...{ queue, handle, onHandlerError: this.#onHandlerError },
      onConnected: (listener) => this.#status.listen((state) => state === "connected" && listener()),
    });
  }

  request(subject: string, data: Uint8Array | string, options: RequestOptions): Promise<Message> {
    return requestOnce(this.#requestParts, { subject, data, ...options });
  }

  sendData(subject: string, seq: number, bytes: Uint8Array, onSent?: () => void): void {
    this.#writer.writeData(this.world.toWire(subject), seq, bytes, onSent);
  }

  takeData(subject: string, sink: FrameSink): () => void {
    return this.#wire.takeData(this.world.toWire(subject), sink);
  }

  flush(): Promise<void> {
    return this.#renewal.after(() => {
      this.#outbox.flush();
      return this.connection.flush();
    });
  }

  async confirm(subscriptions?: Iterable<Subscription>): Promise<void> {
    await this.flush();
    this.#subscriptions.confirm(subscriptions);
  }

  async close(): Promise<void> {
    if (this.connection.isClosed()) return;
    this.#renewal.end();
    this.#outbox.flush();
    // A connection that is away has no server to flush to.
    if (this.state === "connected") await this.connection.drain().catch(() => this.connection.close());
    else await this.connection.close();
  }
}
