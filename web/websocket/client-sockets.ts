/**
 * The sockets that were given as answers: between a handler's end and the host.
 *
 * I1  Nothing is posted beyond the host's credit: what has no room waits here, and shows in `bufferedAmount`.
 * I2  A close is posted after all that was sent before it. Nothing is posted before the answer: the host knows of no
 *     socket until then.
 */
import { PostOp } from "../host/boundary.ts";
import { postToHost } from "../host/host-link.ts";
import { setOwner } from "../start/owner.ts";
import { attachSocket, type SocketData, type SocketPeer, type WebSocket } from "./websocket.ts";

interface ClientSocket {
  /** Set as soon as it is attached. */
  peer: SocketPeer | undefined;
  /** The host has granted something: it knows of the socket. */
  isKnown: boolean;
  credit: number;
  waiting: SocketData[];
  waitingBytes: number;
  closing: { code: number; reason: string } | undefined;
  isClosePosted: boolean;
  onOver(): void;
}

/** What a message costs beside its bytes; the host counts the same. */
const MESSAGE_OVERHEAD_BYTES = 64;

/** By the id of their request. */
const open = new Map<number, ClientSocket>();

/** Makes a socket the client's; `onOver` is called when it is closed. */
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
  // What was said before comes at once.
  client.peer = attachSocket(socket, {
    message(data) {
      // What is sent while the answer is on its way waits, too.
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

/** The client has closed, or is gone. */
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
    // One message may be over the credit: the next one waits until it is paid back.
    client.credit -= size;
    postToHost(PostOp.socketMessage, id, data);
  }
  const { closing } = client;
  if (!client.isKnown || closing === undefined || client.waiting.length > 0 || client.isClosePosted) return;
  client.isClosePosted = true;
  postToHost(PostOp.socketClose, id, closing.code, closing.reason);
}

function sizeOf(data: SocketData): number {
  return MESSAGE_OVERHEAD_BYTES + (typeof data === "string" ? data.length : data.byteLength);
}
