/**
 * The process that speaks QUIC for narun, and what it carries. Node has no QUIC that serves every client of the protocol
 * (docs/decisions.md), Deno has.
 *
 * I1  The process gets network permission for its addresses, and no other permission; its environment is empty.
 * I2  When it ends, every stream and connection that it carried breaks, and whoever listens is told.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import {
  type AcceptedFacts,
  type Address,
  type CloseFacts,
  type ConnectOrder,
  decodeJson,
  encodeJson,
  encodeMessage,
  type Failure,
  type Kind,
  kinds,
  type ListenOrder,
  MessageSplitter,
  type PipeMessage,
  type StreamFacts,
} from "./pipe.ts";
import { QuicStream } from "./quic-stream.ts";

export interface QuicProcessOptions {
  /** The path of the program `deno`. */
  deno: string;
  /** The addresses that it may use: `host:port`. */
  addresses: readonly string[];
  /** Clients take any certificate. Default false. */
  skipVerification?: boolean;
  /** The process ended without `close`. */
  onLost?: (why: string) => void;
}

/** A connection, of a client or of this side. */
export interface QuicConnection {
  readonly id: number;
  readonly peer: Address;
  /** Errors: the connection is over. */
  openStream(): QuicStream;
  close(facts?: CloseFacts): void;
  readonly closed: Promise<CloseFacts>;
}

export interface QuicEndpoint {
  readonly address: Address;
  close(facts?: CloseFacts): void;
}

export interface EndpointOwner {
  onConnection?(connection: QuicConnection): void;
  onStream(stream: QuicStream, connection: QuicConnection): void;
}

/** The options by which Deno runs the program with as little as it needs. */
function argumentsOf({ addresses, skipVerification = false }: QuicProcessOptions): string[] {
  return [
    ...[
      "run",
      "--quiet",
      "--no-prompt",
      "--no-config",
      "--no-lock",
      "--no-remote",
      "--no-npm",
      "--cached-only",
    ],
    ...["--unstable-net", `--allow-net=${addresses.join(",")}`, "--v8-flags=--max-old-space-size=256"],
    ...(skipVerification ? ["--unsafely-ignore-certificate-errors"] : []),
    fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "process.ts" : "process.js", import.meta.url)),
  ];
}

interface Open {
  connection: Connection;
  owner: EndpointOwner;
}

export class QuicProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #options: QuicProcessOptions;
  readonly #pending = new Map<number, PromiseWithResolvers<Address>>();
  readonly #endpoints = new Map<number, EndpointOwner>();
  readonly #connections = new Map<number, Open>();
  readonly #streams = new Map<number, { stream: QuicStream; connection: number }>();
  readonly #ended: Promise<void>;
  #lastId = -1;
  #isClosing = false;
  #lastWords = "";

  constructor(options: QuicProcessOptions) {
    this.#options = options;
    const env = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
    const stdio = ["pipe", "pipe", "pipe"] as const;
    this.#child = spawn(options.deno, argumentsOf(options), { env, stdio: [...stdio], cwd: "/" });
    const { stdout, stderr, stdin } = this.#child;
    stdin.on("error", () => undefined);
    const splitter = new MessageSplitter();
    stdout.on("data", (bytes: Buffer) => {
      try {
        for (const message of splitter.push(bytes)) this.#take(message);
      } catch (error) {
        // The pipe cannot be read on: another process takes the place of this one.
        this.#lastWords = String(error);
        this.kill();
      }
    });
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-2_000);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", (error) => this.#over(error.message, resolve));
      this.#child.once("close", (code, signal) => this.#over(`ended with ${signal ?? code}`, resolve));
    });
  }

  /** Listens for connections. Rejects where the address is taken, or the certificate is none. */
  async listen(order: ListenOrder, owner: EndpointOwner): Promise<QuicEndpoint> {
    const id = this.#nextId();
    this.#endpoints.set(id, owner);
    const address = await this.#order(kinds.listen, id, order);
    return {
      address,
      close: (facts = { code: 0, reason: "" }) => {
        this.#endpoints.delete(id);
        void this.#tell(kinds.close, id, facts);
      },
    };
  }

  /** Connects to a server. Rejects where it cannot be reached, or its certificate is not trusted. */
  async connect(order: ConnectOrder, owner: EndpointOwner): Promise<QuicConnection> {
    const id = this.#nextId();
    const peer = await this.#order(kinds.connect, id, order);
    return this.#addConnection(id, peer, owner);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Ends the process, and all that it carries. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#child.stdin.end();
    await this.#ended;
  }

  #nextId(): number {
    this.#lastId += 2;
    return this.#lastId;
  }

  #order(kind: Kind, id: number, order: ListenOrder | ConnectOrder): Promise<Address> {
    const pending = Promise.withResolvers<Address>();
    this.#pending.set(id, pending);
    void this.#tell(kind, id, order);
    return pending.promise;
  }

  readonly #send = (kind: Kind, id: number, payload: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      const message = encodeMessage({ kind, id, payload });
      this.#child.stdin.write(message, (error) => (error ? reject(error) : resolve()));
    });

  #tell(kind: Kind, id: number, value: unknown): Promise<void> {
    return this.#send(kind, id, encodeJson(value)).catch(() => undefined);
  }

  #addConnection(id: number, peer: Address, owner: EndpointOwner): Connection {
    const connection = new Connection(id, peer, {
      open: () => {
        const stream = this.#nextId();
        void this.#tell(kinds.open, stream, { connection: id } satisfies StreamFacts);
        return this.#addStream(stream, id);
      },
      close: (facts) => void this.#tell(kinds.close, id, facts),
    });
    this.#connections.set(id, { connection, owner });
    return connection;
  }

  #addStream(id: number, connection: number): QuicStream {
    const stream = new QuicStream(id, this.#send, () => this.#streams.delete(id));
    this.#streams.set(id, { stream, connection });
    return stream;
  }

  #take(message: PipeMessage): void {
    const { kind, id, payload } = message;
    const carried = this.#streams.get(id);
    if (carried !== undefined) carried.stream.take(message);
    else if (kind === kinds.ready || kind === kinds.failed) this.#settle(message);
    else if (kind === kinds.accepted) {
      const { endpoint, host, port } = decodeJson(payload) as AcceptedFacts;
      const owner = this.#endpoints.get(endpoint);
      if (owner === undefined) return;
      const connection = this.#addConnection(id, { host, port }, owner);
      owner.onConnection?.(connection);
    } else if (kind === kinds.closed) this.#forget(id, decodeJson(payload) as CloseFacts);
    else if (kind === kinds.open) {
      const { connection } = decodeJson(payload) as StreamFacts;
      const open = this.#connections.get(connection);
      if (open !== undefined) open.owner.onStream(this.#addStream(id, connection), open.connection);
    }
  }

  #settle({ kind, id, payload }: PipeMessage): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (kind === kinds.ready) {
      pending?.resolve(decodeJson(payload) as Address);
      return;
    }
    this.#endpoints.delete(id);
    pending?.reject(new Error((decodeJson(payload) as Failure).message));
  }

  #forget(id: number, facts: CloseFacts): void {
    const open = this.#connections.get(id);
    if (open === undefined) return;
    this.#connections.delete(id);
    const error = new Error(
      `the connection is over (code ${facts.code}${facts.reason && `: ${facts.reason}`})`,
    );
    for (const { stream, connection } of [...this.#streams.values()])
      if (connection === id) stream.break(error);
    open.connection.over(facts);
  }

  #over(how: string, resolve: () => void): void {
    const why = [`the QUIC process ${how}`, this.#lastWords.trim()].filter((text) => text !== "").join(": ");
    for (const pending of this.#pending.values()) pending.reject(new Error(why));
    this.#pending.clear();
    for (const id of [...this.#connections.keys()]) this.#forget(id, { code: 0, reason: why });
    resolve();
    if (!this.#isClosing) this.#options.onLost?.(why);
  }
}

class Connection implements QuicConnection {
  readonly id: number;
  readonly peer: Address;
  readonly closed: Promise<CloseFacts>;
  readonly #closed = Promise.withResolvers<CloseFacts>();
  readonly #by: { open(): QuicStream; close(facts: CloseFacts): void };
  #isOver = false;

  constructor(id: number, peer: Address, by: { open(): QuicStream; close(facts: CloseFacts): void }) {
    this.id = id;
    this.peer = peer;
    this.#by = by;
    this.closed = this.#closed.promise;
  }

  openStream(): QuicStream {
    if (this.#isOver) throw new Error("the connection is over");
    return this.#by.open();
  }

  close(facts: CloseFacts = { code: 0, reason: "" }): void {
    this.#by.close(facts);
  }

  over(facts: CloseFacts): void {
    this.#isOver = true;
    this.#closed.resolve(facts);
  }
}
