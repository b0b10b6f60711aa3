/**
 * The socket of a host process, for the gateways of its machine.
 *
 * I1  A request is handed over once the hello of its gateway was accepted, to the instance that it names. An unknown instance
 *     is draining for its caller: the request has not begun.
 * I2  At its end it tells the gateways, and answers or refuses all that they sent before they heard of it.
 * I3  A gateway that does not read its answers is not read either, beyond `MAX_UNSENT_BYTES`.
 */
import { unlink } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import {
  GatewayHelloSchema,
  MAX_HELLO_BYTES,
  NumberTable,
  parseFrame,
  parseJson,
  readRequestFrame,
  readStreamFrame,
  SOCKET_VERSION,
  socketFrames,
} from "../contracts/index.ts";
import { FrameConnection } from "./frame-connection.ts";
import { type LocalPeer, type LocalRequest, SocketRequest } from "./local-request.ts";

export interface ListenLocalOptions {
  /** The path of the socket. Its folder is there, and only its owner may enter it. A file at the path is removed. */
  path: string;
  /** The id of the machine. */
  machine: string;
  /** The id of the world. Gateways of others are not served. */
  world: string;
  /** All requests of one read were handed over. */
  onRead?(): void;
  warn(fields: object, message: string): void;
}

/** Takes a request for an instance. */
export type TakeRequest = (request: LocalRequest) => void;

export interface LocalServer {
  /** Requests with the number go to `take` from now on. Returns the function that ends that. */
  register(instance: number, take: TakeRequest): () => void;
  /** Resolves when the answers that wait have left, or a gateway has not read them for a second. */
  answersLeft(): Promise<void>;
  /** Ends the socket and its connections when every request that came was answered, and all answers have left. */
  close(): Promise<void>;
}

/** Upper bound of the bytes that wait for a gateway that does not read, before it is read no more. */
const MAX_UNSENT_BYTES = 1024 * 1024;
/** How long gateways may take to answer a `leave`, and to read the last answers. */
const CLOSE_MS = 1_000;

/** Listens on a path. Rejects where the operating system refuses it. */
export async function listenLocal(options: ListenLocalOptions): Promise<LocalServer> {
  const { path } = options;
  const instances = new Map<number, TakeRequest>();
  const connections = new Set<ServedConnection>();
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    const served = serve(socket, options, instances, () => connections.delete(served));
    connections.add(served);
  });
  const listen = async () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen({ path }, resolve);
    await promise;
    server.off("error", reject);
  };
  // A host may not remove files: it has a folder of its own, and finds none.
  await listen().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    await unlink(path);
    await listen();
  });
  server.on("error", (error) => options.warn({ error, path }, "the socket of the host failed"));
  return {
    register(instance, take) {
      instances.set(instance, take);
      return () => {
        if (instances.get(instance) === take) instances.delete(instance);
      };
    },
    async answersLeft() {
      const late = Promise.withResolvers<void>();
      const limit = setTimeout(late.resolve, CLOSE_MS);
      await Promise.race([
        Promise.all([...connections].map(({ connection }) => connection.allLeft())),
        late.promise,
      ]);
      clearTimeout(limit);
    },
    async close() {
      const over = Promise.withResolvers<void>();
      server.close(() => over.resolve());
      for (const served of connections) served.leave();
      const limit = setTimeout(() => {
        for (const { connection } of connections) connection.close("the host ends");
      }, CLOSE_MS);
      await over.promise;
      clearTimeout(limit);
    },
  };
}

interface ServedConnection {
  readonly connection: FrameConnection;
  /** Tells the gateway that the host leaves. The gateway's answer ends the connection. */
  leave(): void;
}

function serve(
  socket: Socket,
  options: ListenLocalOptions,
  instances: ReadonlyMap<number, TakeRequest>,
  onOver: () => void,
): ServedConnection {
  const requests = new NumberTable<LocalRequest>();
  let peer: LocalPeer | undefined;
  let isPaused = false;
  let isLeaving = false;
  const hold = () => {
    const isFull = connection.unsentBytes > MAX_UNSENT_BYTES;
    if (isFull === isPaused) return;
    isPaused = isFull;
    if (isFull) connection.pause();
    else connection.resume();
  };
  const connection = FrameConnection.accept(socket, {
    take(type, number, bytes, start, end) {
      if (peer === undefined) {
        peer = greet(connection, requests, options, type, bytes, start, end);
        return peer !== undefined;
      }
      switch (type) {
        case socketFrames.request:
          return takeRequest(peer, instances, number, bytes, start, end);
        case socketFrames.stream:
          return takeFrame(peer, number, bytes, start, end);
        case socketFrames.ping:
          return start === end && sendBack(connection, number);
        case socketFrames.leave:
          return start === end && isLeaving && finish(connection);
        default:
          return false;
      }
    },
    onRead() {
      options.onRead?.();
      hold();
    },
    onSent: hold,
    onLeft: hold,
    onError: (error) => options.warn({ error }, "a request over the socket failed"),
    onEnd(reason, isViolation) {
      onOver();
      if (isViolation) options.warn({ reason }, "a connection to the host's socket was ended");
      const open = requests.values();
      requests.clear();
      for (const { receiver } of open) receiver?.onEnd();
    },
  });
  return {
    connection,
    leave() {
      isLeaving = true;
      if (peer === undefined) connection.finish();
      else {
        connection.batch.leave();
        connection.send();
      }
    },
  };
}

function sendBack(connection: FrameConnection, ping: number): boolean {
  connection.batch.ping(ping);
  connection.send();
  return true;
}

function finish(connection: FrameConnection): boolean {
  connection.finish();
  return true;
}

function greet(
  connection: FrameConnection,
  requests: NumberTable<LocalRequest>,
  { machine, world }: ListenLocalOptions,
  type: number,
  bytes: Buffer,
  start: number,
  end: number,
): LocalPeer | undefined {
  if (type !== socketFrames.hello || end - start > MAX_HELLO_BYTES) return undefined;
  const hello = parseJson(bytes.toString("utf8", start, end), GatewayHelloSchema);
  if (hello === undefined) return undefined;
  if (hello.machine !== machine || hello.world !== world) {
    connection.close("the gateway looks for another host");
    return undefined;
  }
  connection.batch.hello(JSON.stringify({ version: SOCKET_VERSION, machine }));
  connection.send();
  return { hello, connection, requests };
}

function takeRequest(
  peer: LocalPeer,
  instances: ReadonlyMap<number, TakeRequest>,
  number: number,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  const { requests } = peer;
  const frame = readRequestFrame(bytes, start, end);
  if (frame === undefined || requests.has(number)) return false;
  const { instance, flags, hops, timeoutMs, head } = frame;
  const body = frame.bodyStart === end ? undefined : bytes.subarray(frame.bodyStart, end);
  const request = new SocketRequest(peer, number, instance, flags, hops, timeoutMs, head, body);
  const take = instances.get(instance);
  if (take === undefined) return request.fail("INSTANCE_DRAINING");
  requests.set(number, request);
  take(request);
  return true;
}

function takeFrame(
  { requests, connection }: LocalPeer,
  number: number,
  bytes: Buffer,
  start: number,
  end: number,
): boolean {
  const stream = readStreamFrame(bytes, start, end);
  const frame = stream && parseFrame(stream.text);
  if (stream === undefined || frame === undefined) return false;
  const receiver = requests.get(number)?.receiver;
  const { payloadStart, trailers } = stream;
  receiver?.onFrame(frame, bytes.subarray(payloadStart, end), trailers, connection.splitter.lease);
  return true;
}
