/**
 * WebSockets in: `ws` speaks with the client (RFC 6455), frames carry the messages to the instance and back.
 *
 * I1  A client gets its 101 only when the function answered so; until then it may be refused as any request is.
 * I2  A close goes on to the other side, with its code and reason. A break closes the client's end with a code of its
 *     own.
 * I3  Neither side is read faster than the other takes it. Each client has one message in a turn of the event loop.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import {
  MAX_SOCKET_MESSAGE_BYTES,
  SOCKET_FRAME_OVERHEAD_BYTES,
  SOCKET_TOO_BIG,
} from "../../contracts/index.ts";
import type { ResponseBody, StreamEnd } from "../../streams/index.ts";
import { hasBody } from "../http/body.ts";
import { noHandshakeResponse, writeLast } from "../http/unreadable.ts";
import { formatClientFrame, Opcode } from "./client-frame.ts";

/** A connection that asked to become a WebSocket. */
export interface Upgrade {
  readonly incoming: IncomingMessage;
  readonly socket: Socket;
  /**
   * Takes the connection from HTTP: its end is no longer the end of a request. Returns the bytes that the client sent
   * after its request.
   */
  release(): Buffer;
}

export interface WebSockets {
  /**
   * Answers with 101 and connects the client with its instance; `cancel` ends the exchange when the client is lost.
   */
  accept(upgrade: Upgrade, headers: readonly string[], body: ResponseBody, cancel: () => void): void;
  /** Answers with 101, and hands the socket to a teller of the gateway's own. The client's messages are dropped. */
  tell(upgrade: Upgrade, headers: readonly string[], take: (socket: ToldSocket) => void): void;
  /** Closes all sockets in order: their clients connect again, elsewhere. */
  drain(): void;
  /** Cuts the sockets that are still open. */
  close(): void;
}

/** A socket on which only the gateway speaks. */
export interface ToldSocket {
  /** Sends a text. `done` is called when the operating system has it, or the client is gone. */
  send(text: Buffer, done: () => void): void;
  /** Closes it in order: the client connects again, elsewhere. */
  close(): void;
  cut(): void;
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal;
}

/** RFC 6455, section 7.4.1, and the registry of codes. */
const CloseCode = { goingAway: 1001, noStatus: 1005, abnormal: 1006, failed: 1011, restart: 1012 } as const;

/** How long a client has to answer a ping before it counts as gone. */
const PING_MS = 30_000;
/** How long a client has to answer a close before it is cut. */
const CLOSE_GRACE_MS = 5_000;

/**
 * Whether a request asks for a WebSocket. Every other upgrade is ignored, as HTTP allows; an upgrade with a body,
 * too.
 */
export function isWebSocketRequest(incoming: IncomingMessage): boolean {
  const { method, headers } = incoming;
  return method === "GET" && headers.upgrade?.toLowerCase() === "websocket" && !hasBody(incoming);
}

/** `ws` closes by itself at a message that is too big, without a reason. */
class ClientSocket extends WebSocket {
  override close(code?: number, reason?: string | Buffer): void {
    super.close(code, reason ?? (code === SOCKET_TOO_BIG.code ? SOCKET_TOO_BIG.reason : undefined));
  }
}

export function createWebSockets(): WebSockets {
  const answers = new WeakMap<IncomingMessage, readonly string[]>();
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_SOCKET_MESSAGE_BYTES,
    // One read may bring ten thousand tiny messages: other clients have their turns between them.
    allowSynchronousEvents: false,
    WebSocket: ClientSocket,
    // The function chooses one of the client's protocols.
    handleProtocols: (_offered, incoming) =>
      fieldOf(answers.get(incoming) ?? [], "sec-websocket-protocol") ?? false,
  });
  server.on("headers", (lines: string[], incoming) => {
    const fields = answers.get(incoming) ?? [];
    for (let index = 0; index + 1 < fields.length; index += 2) {
      const name = fields[index] ?? "";
      if (!/^sec-websocket-/i.test(name)) lines.push(`${name}: ${fields[index + 1]}`);
    }
  });
  server.on("wsClientError", (error, _socket, incoming) => {
    const requestId = fieldOf(answers.get(incoming) ?? [], "x-request-id") ?? randomUUID();
    writeLast(incoming.socket, requestId, noHandshakeResponse(error.message, requestId));
  });
  const alive = new WeakSet<WebSocket>();
  const pings = setInterval(() => {
    for (const client of server.clients) {
      // A client that waits for its function is not read: its answer would stay unread.
      if (client.isPaused) continue;
      if (!alive.has(client)) client.terminate();
      alive.delete(client);
      client.ping();
    }
  }, PING_MS);
  pings.unref();

  return {
    accept({ incoming, socket, release }, headers, body, cancel) {
      const head = release();
      answers.set(incoming, headers);
      let isAccepted = false;
      server.handleUpgrade(incoming, socket, head, (client) => {
        isAccepted = true;
        alive.add(client);
        client.on("pong", () => alive.add(client));
        connect(client, socket, body, cancel);
      });
      // `ws` refused it with 400: the request was not a valid one for a WebSocket.
      if (!isAccepted) cancel();
    },
    tell({ incoming, socket, release }, headers, take) {
      const head = release();
      answers.set(incoming, headers);
      server.handleUpgrade(incoming, socket, head, (client) => {
        alive.add(client);
        client.on("pong", () => alive.add(client));
        take(toldSocket(client));
      });
    },
    drain() {
      for (const client of server.clients) client.close(CloseCode.goingAway);
    },
    close() {
      clearInterval(pings);
      for (const client of server.clients) client.terminate();
    },
  };
}

function toldSocket(client: WebSocket): ToldSocket {
  const gone = new AbortController();
  client.on("close", () => gone.abort());
  client.on("error", () => undefined);
  // Unread messages would keep pongs behind them.
  client.on("message", () => undefined);
  return {
    send: (text, done) => client.send(text, { binary: false }, () => done()),
    close: () => client.close(CloseCode.goingAway),
    cut: () => client.terminate(),
    gone: gone.signal,
  };
}

function connect(client: WebSocket, socket: Socket, body: ResponseBody, cancel: () => void): void {
  body.openSocket((sender) => {
    const write = frameWriter(client, socket, (bytes) => body.consumed(bytes));
    client.on("message", (data: Buffer, isBinary) => {
      sender.message(isBinary ? "binary" : "text", data);
      if (sender.isFull) client.pause();
    });
    let isTooBig = false;
    client.on("close", (code, reason) => {
      if (isTooBig) return;
      if (code === CloseCode.abnormal) cancel();
      else sender.close(code, reason.toString());
    });
    // A close event follows. The close of a message that is too big is not the client's own: `ws` reads no further.
    client.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return;
      isTooBig = true;
      sender.close(SOCKET_TOO_BIG.code, SOCKET_TOO_BIG.reason);
    });
    return {
      onMessage: write,
      onCredit() {
        if (client.isPaused && !sender.isFull) client.resume();
      },
      onEnd(end) {
        if (end.kind === "whole") sender.close(Number(end.code), end.reason);
        closeClient(client, end);
      },
    };
  });
}

/**
 * Writes messages to a client, each fragment as one frame and in one piece: the general way of `ws` takes twice the time.
 * `consumed` is told the cost of each when it has left.
 */
function frameWriter(client: WebSocket, socket: Socket, consumed: (bytes: number) => void) {
  const costs: number[] = [];
  const onWritten = () => consumed(costs.shift() ?? 0);
  let isContinued = false;
  return (kind: "text" | "binary", bytes: Uint8Array, hasMore: boolean): void => {
    const cost = bytes.byteLength + SOCKET_FRAME_OVERHEAD_BYTES;
    // Without credit the instance could never send its close.
    if (client.readyState !== WebSocket.OPEN) {
      consumed(cost);
      return;
    }
    const opcode = isContinued ? Opcode.continuation : Opcode[kind];
    isContinued = hasMore;
    costs.push(cost);
    socket.write(formatClientFrame(opcode, bytes, !hasMore), onWritten);
  };
}

function closeClient(client: WebSocket, end: StreamEnd): void {
  if (end.kind === "broken") client.close(codeOfBreak(end.code));
  else if (isSendable(Number(end.code), end.reason)) client.close(Number(end.code), end.reason);
  else client.close();
  setTimeout(() => client.terminate(), CLOSE_GRACE_MS).unref();
}

const MAX_REASON_BYTES = 123;

/** Whether a close frame can carry the code and the reason; `ws` throws at any other. */
function isSendable(code: number, reason: string): boolean {
  const isCode =
    (code >= 1000 &&
      code <= 1014 &&
      code !== 1004 &&
      code !== CloseCode.noStatus &&
      code !== CloseCode.abnormal) ||
    (code >= 3000 && code <= 4999);
  return isCode && Buffer.byteLength(reason) <= MAX_REASON_BYTES;
}

function codeOfBreak(code: string): number {
  if (code === "GATEWAY_DRAINING" || code === "STREAM_LIMIT") return CloseCode.goingAway;
  return code === "CONSUMER_DIED" ? CloseCode.restart : CloseCode.failed;
}

function fieldOf(fields: readonly string[], lower: string): string | undefined {
  const index = fields.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === lower);
  return index === -1 ? undefined : fields[index + 1];
}
