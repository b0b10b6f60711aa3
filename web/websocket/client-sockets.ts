/**
 * The sockets that were given as answers: they connect the end of a handler with the host.
 *
 * I1  Nothing is posted beyond the host's credit. Messages without credit wait in the isolate, and count as
 *     `bufferedAmount`.
 * I2  A close is posted after all earlier messages. Nothing is posted before the answer: the host knows no socket until then.
 */
import { PostOp } from "../host/boundary.ts";
import { postToHost } from "../host/host-link.ts";
import { postGathered, sendMessage } from "../start/entries.ts";
import { setOwner } from "../start/owner.ts";
import { attachSocket, type SocketData, type SocketPeer, type WebSocket } from "./websocket.ts";

interface ClientSocket {
  /** Set as soon as the socket is attached. */
  peer: SocketPeer | undefined;
  /** True after the first credit: the host knows the socket. */
  isKnown: boolean;
  credit: number;
  waiting: SocketData[];
  waitingBytes: number;
  closing: { code: number; reason: string } | undefined;
  isClosePosted: boolean;
  onOver(): void;
}

/** The cost of a message besides its bytes. The host counts the same. */
const MESSAGE_OVERHEAD_BYTES = 64;

/** The sockets by the id of their request. */
const open = new Map<number, ClientSocket>();

/** Connects a socket with the client. `onOver` is called when it is closed. */
export function openClientSocket(id: number, socket: WebSocket, onOver: () => void): void {
  const client: ClientSocket = {
    peer: undefined,
    isKnown: false,
    credit: 0,
    waiting: [],
    waitingBytes: 0,
    closing: undefined,
    isClosePosted: false,
    onOver,
  };
  // Attaching the socket delivers earlier messages at once.
  client.peer = attachSocket(socket, {
    message(data) {
      // Messages wait as well while the answer is on its way.
      client.waiting.push(data);
      client.waitingBytes += sizeOf(data);
      pump(id, client);
    },
    close(code, reason) {
      client.closing ??= { code, reason };
      pump(id, client);
    },
    bufferedAmount: () => client.waitingBytes,
  });
  open.set(id, client);
}

export function messageFromClient(id: number, data: unknown): void {
  setOwner(id);
  if (typeof data === "string" || data instanceof ArrayBuffer) open.get(id)?.peer?.message(data);
}

/** The client has closed the socket, or disconnected. */
export function closeFromClient(id: number, code: unknown, reason: unknown, wasClean: unknown): void {
  const client = open.get(id);
  if (client === undefined) return;
  setOwner(id);
  open.delete(id);
  client.peer?.close(Number(code), String(reason), wasClean === true);
  client.onOver();
}

export function grantToClient(id: number, bytes: unknown): void {
  const client = open.get(id);
  if (client === undefined || typeof bytes !== "number") return;
  client.isKnown = true;
  client.credit += bytes;
  pump(id, client);
}

function pump(id: number, client: ClientSocket): void {
  for (let data = client.waiting[0]; data !== undefined && client.credit > 0; data = client.waiting[0]) {
    client.waiting.shift();
    const size = sizeOf(data);
    client.waitingBytes -= size;
    // One message may exceed the credit. The next one waits until the excess is paid back.
    client.credit -= size;
    sendMessage(id, data);
  }
  const { closing } = client;
  if (!client.isKnown || closing === undefined || client.waiting.length > 0 || client.isClosePosted) return;
  client.isClosePosted = true;
  postGathered();
  postToHost(PostOp.socketClose, id, closing.code, closing.reason);
}

function sizeOf(data: SocketData): number {
  return MESSAGE_OVERHEAD_BYTES + (typeof data === "string" ? data.length : data.byteLength);
}
