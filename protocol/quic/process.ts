/**
 * The program of the QUIC process. Deno runs it, with permission for the addresses that it was started for, and for nothing
 * else: no file, no environment, no other program. It carries streams between QUIC and its pipe, and knows nothing of what
 * they say.
 *
 * I1  It ends when its input ends: it never outlives narun.
 * I2  A handshake that fails, or a client that goes, ends nothing but itself.
 * I3  A stream that is broken off looks like one that ended: Deno has no reset. What the bytes say tells whether they are whole.
 */
/// <reference path="./deno-quic.d.ts" />
import { Credit } from "./credit.ts";
import {
  type CloseFacts,
  type ConnectOrder,
  decodeCredit,
  decodeJson,
  encodeCredit,
  encodeJson,
  encodeMessage,
  type Kind,
  kinds,
  type ListenOrder,
  MessageSplitter,
  type PipeMessage,
  piecesOf,
  type StreamFacts,
  WINDOW_BYTES,
} from "./pipe.ts";

interface Stream {
  quic: Deno.BidirectionalStream;
  reader: ReadableStreamDefaultReader<Uint8Array>;
  writer: WritableStreamDefaultWriter<Uint8Array>;
  /** What narun takes. */
  credit: Credit;
  /** Writes go one after the other. */
  written: Promise<void>;
  /** The halves that are open: the stream is forgotten after both. */
  open: number;
}

const output = Deno.stdout.writable.getWriter();
const endpoints = new Map<number, { endpoint: Deno.QuicEndpoint; listener: Deno.QuicListener }>();
const connections = new Map<number, Deno.QuicConn>();
const streams = new Map<number, Stream>();
let lastId = 0;

function send(kind: Kind, id: number, payload: Uint8Array): Promise<void> {
  return output.write(encodeMessage({ kind, id, payload }));
}

const tell = (kind: Kind, id: number, value: unknown) => send(kind, id, encodeJson(value));

const nextId = () => {
  lastId += 2;
  return lastId;
};

const transportOf = ({ keepAliveMs, idleMs, maxStreams }: ListenOrder | ConnectOrder) => ({
  keepAliveInterval: keepAliveMs,
  maxIdleTimeout: idleMs,
  maxConcurrentBidirectionalStreams: maxStreams,
  maxConcurrentUnidirectionalStreams: 0,
});

function listen(id: number, order: ListenOrder): void {
  const endpoint = new Deno.QuicEndpoint({ hostname: order.host, port: order.port });
  const { cert, key } = order;
  const listener = endpoint.listen({ cert, key, alpnProtocols: [], ...transportOf(order) });
  endpoints.set(id, { endpoint, listener });
  void accept(id, listener);
  void tell(kinds.ready, id, { host: endpoint.addr.hostname, port: endpoint.addr.port });
}

async function accept(endpoint: number, listener: Deno.QuicListener): Promise<void> {
  while (endpoints.has(endpoint)) {
    let incoming: Deno.QuicIncoming;
    try {
      incoming = await listener.incoming();
    } catch {
      // The endpoint is closed.
      return;
    }
    void incoming.accept().then(
      (connection) => {
        const id = nextId();
        const { hostname: host, port } = connection.remoteAddr;
        void tell(kinds.accepted, id, { endpoint, host, port });
        follow(id, connection);
      },
      // A client that does not trust the certificate, or speaks another protocol.
      () => undefined,
    );
  }
}

async function connect(id: number, order: ConnectOrder): Promise<void> {
  const { host, port, serverName, ca, fingerprint } = order;
  const connection = await Deno.connectQuic({
    ...{ hostname: host, port, serverName, alpnProtocols: [], ...transportOf(order) },
    ...(ca === undefined ? {} : { caCerts: [ca] }),
    ...(fingerprint === undefined
      ? {}
      : { serverCertificateHashes: [{ algorithm: "sha-256" as const, value: bytesOfHex(fingerprint) }] }),
  });
  void tell(kinds.ready, id, { host: connection.remoteAddr.hostname, port: connection.remoteAddr.port });
  follow(id, connection);
}

function follow(id: number, connection: Deno.QuicConn): void {
  connections.set(id, connection);
  const over = (facts: CloseFacts) => {
    if (connections.delete(id)) void tell(kinds.closed, id, facts);
  };
  connection.closed.then(
    ({ closeCode, reason }) => over({ code: closeCode, reason }),
    (error: unknown) => over({ code: 0, reason: String(error) }),
  );
  void (async () => {
    for await (const quic of connection.incomingBidirectionalStreams) {
      const stream = nextId();
      void tell(kinds.open, stream, { connection: id });
      carry(stream, quic);
    }
  })().catch(() => undefined);
}

function carry(id: number, quic: Deno.BidirectionalStream): void {
  const reader = quic.readable.getReader();
  const writer = quic.writable.getWriter();
  writer.closed.catch(() => undefined);
  const stream: Stream = { quic, reader, writer, credit: new Credit(), written: Promise.resolve(), open: 2 };
  streams.set(id, stream);
  stream.credit.grant(WINDOW_BYTES);
  void send(kinds.credit, id, encodeCredit(WINDOW_BYTES));
  void readAll(id, stream);
}

async function readAll(id: number, stream: Stream): Promise<void> {
  try {
    for (;;) {
      const { done, value } = await stream.reader.read();
      if (done) break;
      for (const piece of piecesOf(value)) {
        let rest = piece;
        while (rest.byteLength > 0) {
          const count = await stream.credit.take(rest.byteLength);
          if (count === 0) return;
          await send(kinds.data, id, rest.subarray(0, count));
          rest = rest.subarray(count);
        }
      }
    }
    await send(kinds.end, id, new Uint8Array());
  } catch (error) {
    await tell(kinds.reset, id, { message: String(error) });
  } finally {
    leave(id, stream);
  }
}

/** One half of a stream is over. */
function leave(id: number, stream: Stream): void {
  stream.open -= 1;
  if (stream.open === 0) streams.delete(id);
}

function write(id: number, stream: Stream, act: () => Promise<void>): void {
  stream.written = stream.written.then(act).catch(async (error: unknown) => {
    if (streams.has(id)) await tell(kinds.stop, id, { message: String(error) });
  });
}

async function openStream(id: number, { connection }: StreamFacts): Promise<void> {
  const quic = await connections.get(connection)?.createBidirectionalStream({ waitUntilAvailable: true });
  if (quic === undefined) throw new Error("the connection is closed");
  carry(id, quic);
}

function close(id: number, { code, reason }: CloseFacts): void {
  const info = { closeCode: code, reason };
  const listening = endpoints.get(id);
  endpoints.delete(id);
  listening?.listener.stop();
  listening?.endpoint.close(info);
  connections.get(id)?.close(info);
}

function onStream({ kind, id, payload }: PipeMessage, stream: Stream): void {
  if (kind === kinds.credit) stream.credit.grant(decodeCredit(payload));
  else if (kind === kinds.stop) {
    stream.credit.end();
    stream.reader.cancel().catch(() => undefined);
  } else if (kind === kinds.data)
    write(id, stream, async () => {
      await stream.writer.write(payload);
      await send(kinds.credit, id, encodeCredit(payload.byteLength));
    });
  else {
    const end = kind === kinds.end ? () => stream.writer.close() : () => stream.writer.abort();
    write(id, stream, end);
    void stream.written.then(() => leave(id, stream));
  }
}

function onMessage(message: PipeMessage): void {
  const { kind, id, payload } = message;
  const stream = streams.get(id);
  const fail = (error: unknown) => void tell(kinds.failed, id, { message: String(error) });
  try {
    if (stream !== undefined) onStream(message, stream);
    else if (kind === kinds.listen) listen(id, decodeJson(payload) as ListenOrder);
    else if (kind === kinds.connect) connect(id, decodeJson(payload) as ConnectOrder).catch(fail);
    else if (kind === kinds.open) openStream(id, decodeJson(payload) as StreamFacts).catch(fail);
    else if (kind === kinds.close) close(id, decodeJson(payload) as CloseFacts);
  } catch (error) {
    fail(error);
  }
}

const bytesOfHex = (hex: string) =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

const splitter = new MessageSplitter();
for await (const bytes of Deno.stdin.readable) for (const message of splitter.push(bytes)) onMessage(message);
Deno.exit(0);
