/**
 * The client library's transport with a reader of narun's own: it reads into memory of its own, and takes narun's
 * messages and data frames out. It writes only by the lane of its socket (lane.ts), as narun's own messages do.
 */
import { createConnection, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { NodeConnectionOptions, TlsOptions } from "@nats-io/transport-node";
import {
  type ConnectionOptions,
  extractProtocolMessage,
  NatsConnectionImpl,
  type ServerInfo,
  setTransportFactory,
} from "@nats-io/transport-node/lib/nats-base-client.js";
import { NodeTransport, nodeResolveHost, VERSION } from "@nats-io/transport-node/lib/node_transport.js";
import { guardReader } from "./guard-reader.ts";
import { Lane } from "./lane.ts";
import { findDifference } from "./library-version.ts";
import { Liveness, type Pinged } from "./liveness.ts";
import { OWNED, ReadBuffers } from "./read-buffers.ts";
import { Receivers } from "./receivers.ts";
import { Splitter } from "./splitter.ts";
import type { Wire, WireOptions } from "./wire.ts";
import { Writer } from "./writer.ts";

/** The library hands its options on to each transport, and with them the shared parts of a connection. */
interface Options extends WireOptions {
  receivers: Receivers;
  hearing: Hearing;
}

/** Called at each read. The connection, and with it its liveness, is there after the first one. */
interface Hearing {
  heard(): void;
}

/** The fields of the library's connection that its types do not show. */
interface Protocol extends Pinged {
  heartbeats: { start(): void; cancel(isStale?: boolean): void };
}

interface Address {
  hostname: string;
  port: number;
}

/** The reason why this transport cannot be used with the installed library; undefined where it can. */
export function findProblem(): string | undefined {
  return findDifference({
    version: VERSION,
    transport: NodeTransport.prototype,
    functions: {
      connect: NatsConnectionImpl?.connect,
      setTransportFactory,
      extractProtocolMessage,
      nodeResolveHost,
    },
  });
}

/** Connects as the library's own `connect`, with a transport of ours. */
export async function connectOwn(options: WireOptions): Promise<Wire> {
  setTransportFactory({ factory: () => new OwnTransport(), dnsResolveFn: nodeResolveHost });
  const receivers = new Receivers();
  const hearing: Hearing = { heard: () => undefined };
  const connection = await NatsConnectionImpl.connect({
    ...options,
    receivers,
    hearing,
  } as ConnectionOptions);
  watch(connection, hearing);
  return {
    connection,
    open({ onError }) {
      guardReader(connection, onError);
      return new Writer(connection);
    },
    takeMessages: (sid, taker) => receivers.takeMessages(sid, taker),
    takeRange: (taker) => receivers.takeRange(taker),
    takeData: (subject, sink) => receivers.takeData(subject, sink),
  };
}

/** Puts a liveness of narun's in the place of the library's. */
function watch(connection: object, hearing: Hearing): void {
  const { protocol } = connection as { protocol: Protocol };
  const liveness = new Liveness(protocol);
  hearing.heard = () => liveness.heard();
  protocol.heartbeats.cancel();
  protocol.heartbeats = liveness;
  liveness.start();
}

class OwnTransport extends NodeTransport {
  #address: Address | undefined;
  #receivers: Receivers | undefined;
  #hearing: Hearing | undefined;
  #onSocketError: (error: Error) => void = () => undefined;
  /** The connection that reads into `#buffers`: plain TCP. A connection with TLS is the library's. */
  #own: Socket | undefined;
  readonly #splitter = new Splitter({
    takerOf: (sid) => this.#receivers?.takerOf(sid),
    sinkOf: (subject) => this.#receivers?.sinkOf(subject),
    pass: (bytes) => {
      this.yields.push(bytes);
      this.#onPass();
    },
  });
  #onPass = () => this.signal.resolve();
  #lane: Lane | undefined;
  /** The socket that `#lane` is of: TLS puts another one in its place. */
  #laneSocket: Socket | undefined;

  /** All writes leave by it; undefined where there is no socket. */
  get lane(): Lane | undefined {
    // The library's types do not say that it takes the socket away at the end.
    const socket = this.socket as Socket | undefined;
    if (this.#laneSocket !== socket) {
      this.#lane = socket === undefined ? undefined : new Lane(socket);
      this.#laneSocket = socket;
    }
    return this.#lane;
  }

  /** The library sends whole commands, by this method alone. */
  override _send(frame: Uint8Array): Promise<void> {
    const { lane } = this;
    if (this.isClosed || lane === undefined) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    lane.commands(frame, (error) => (error ? reject(error) : resolve()));
    return promise;
  }

  override async connect(
    address: Address & { tlsName: string },
    options: NodeConnectionOptions,
  ): Promise<void> {
    this.#address = address;
    const { receivers, hearing, readTls, onSocketError } = options as Options;
    this.#onSocketError = onSocketError;
    this.#receivers = receivers;
    this.#hearing = hearing;
    const tls = readTls();
    await super.connect(address, tls === undefined ? options : { ...options, tls });
  }

  override async dial({ hostname, port }: Address): Promise<Socket> {
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    const buffers = new ReadBuffers();
    const onread = {
      buffer: () => buffers.next(),
      callback: (size: number) => {
        const { current } = buffers;
        this.#hearing?.heard();
        this.#splitter.feed(current.bytes.subarray(0, size), current);
        return true;
      },
    };
    const socket = createConnection({ host: hostname, port, onread });
    socket.setNoDelay(true);
    let failure: unknown = new Error("the connection was closed before it was there");
    socket.once("connect", () => {
      socket.removeAllListeners();
      resolve(socket);
    });
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("close", () => reject(failure));
    this.#own = socket;
    return promise;
  }

  override async peekInfo(): Promise<ServerInfo> {
    if (this.socket !== this.#own) return super.peekInfo();
    const info = await this.#firstInfo(this.socket);
    const isEncrypted =
      info.tls_required === true || (info.tls_available === true && this.options.tls !== null);
    if (!isEncrypted || this.#address === undefined) return info;
    // TLS begins on a connection that the library has dialled, and reads from.
    this.socket.destroy();
    this.#own = undefined;
    this.yields = [];
    this.socket = await super.dial(this.#address);
    return super.peekInfo();
  }

  /** The library looks at Node's TLS, which a process without it need not load. */
  override isEncrypted(): boolean {
    return this.socket !== this.#own && super.isEncrypted();
  }

  override startTLS(): Promise<TLSSocket> {
    // The name in the server's certificate: Node takes `localhost` for an address of numbers otherwise.
    this.options = {
      ...this.options,
      tls: { ...this.options.tls, host: this.#address?.hostname } as TlsOptions,
    };
    return super.startTLS();
  }

  override setupHandlers(): void {
    this.#onPass = () => this.signal.resolve();
    super.setupHandlers();
    this.socket.on("error", this.#onSocketError);
    if (this.socket === this.#own) return;
    this.socket.removeAllListeners("data");
    this.socket.on("data", (read: Buffer) => {
      this.#hearing?.heard();
      this.#splitter.feed(read, OWNED);
    });
  }

  #firstInfo(socket: Socket): Promise<ServerInfo> {
    const { promise, resolve, reject } = Promise.withResolvers<ServerInfo>();
    const INFO = /^INFO\s+([^\r\n]+)\r\n/i;
    this.#onPass = () => {
      const text = extractProtocolMessage(Buffer.concat(this.yields));
      if (text === "") return;
      try {
        const json = INFO.exec(text)?.[1];
        if (json === undefined) throw new Error("the program at this address is no NATS server");
        resolve(JSON.parse(json));
      } catch (error) {
        reject(error);
      }
    };
    let failure: unknown = new Error("the server closed the connection");
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("close", () => reject(failure));
    return promise.finally(() => socket.removeAllListeners());
  }
}
