/**
 * The streamed part of one request: what its asker (a gateway) says after it, and what is said back in frames.
 *
 * I1  An exchange hears of its asker's end once: by a cancel, or because the asker fell silent (peers.ts).
 * I2  The isolate gets no byte before it granted credit for it, except those that came with the request itself.
 */
import { headerNames, peerOfToken } from "../../../../contracts/index.ts";
import {
  frameOf,
  type Headers,
  headerValue,
  type Message,
  type Nats,
  type Peers,
  type SendFrame,
  StreamReceiver,
  StreamSender,
  type StreamSenderOptions,
} from "../../../../nats/index.ts";
import type { Inbound, IsolateStreams } from "./isolate-streams.ts";
import { createSocket, type Socket, type SocketOptions } from "./socket.ts";

export interface Exchange {
  readonly token: string;
  /** The asker sends the body in frames. */
  readonly hasStreamedBody: boolean;
  /** The client asked for a WebSocket. */
  readonly isUpgrade: boolean;
  /** Shows the request's body to the isolate under an id; `begin` is called when the isolate has heard of that. */
  openBody(streams: IsolateStreams, owner: number, first: Uint8Array): { id: number; begin(): void };
  /** Says the response's head; the body is written to what is returned. */
  beginResponse(head: Headers, options: Omit<StreamSenderOptions, "send">): StreamSender;
  /** Says that the answer is a WebSocket, and connects it. */
  openSocket(head: Headers, options: SocketOptions): Socket;
  /** Takes what the asker says. */
  receive(message: Message): void;
  /** Nothing more is said or heard. A body that was not read to its end is cancelled. */
  close(): void;
}

export interface ExchangeOptions {
  nats: Nats;
  peers: Peers;
  /** The request. */
  message: Message;
  /** The asker no longer waits for the answer. */
  onGone(): void;
}

/** The exchange that a request asks for; undefined where its asker knows no streams. */
export function openExchange({ nats, peers, message, onGone }: ExchangeOptions): Exchange | undefined {
  const token = headerValue(message.headers, headerNames.stream);
  const peer = peerOfToken(token);
  const { reply } = message;
  if (token === undefined || peer === undefined || reply === undefined) return undefined;
  const send: SendFrame = (headers, data) => nats.publish(reply, data, headers);
  let body: Inbound | undefined;
  let receiver: StreamReceiver | undefined;
  let sender: StreamSender | undefined;
  let isClosed = false;

  const gone = () => {
    if (isClosed) return;
    receiver?.breakOff("CLIENT_GONE");
    onGone();
  };
  /** Most requests stream nothing: only those that do look after their asker. */
  let stopFollowing: (() => void) | undefined;
  const follow = () => {
    if (stopFollowing !== undefined) return;
    const stopPeer = peers.follow(peer, gone);
    const stopState = nats.onState((state) => {
      // Frames that were on their way are lost.
      if (state === "connected") gone();
    });
    stopFollowing = () => {
      stopPeer();
      stopState();
    };
  };

  return {
    token,
    isUpgrade: headerValue(message.headers, headerNames.upgrade) === "websocket",
    hasStreamedBody: headerValue(message.headers, headerNames.body) === "stream",
    openBody(streams, owner, first) {
      follow();
      const opened = streams.openInbound(owner, {
        onCredit: (bytes) => receiver?.grant(bytes),
        onCancel: () => receiver?.cancel("BODY_NOT_WANTED"),
      });
      receiver = new StreamReceiver({
        send,
        onData: (bytes) => opened.push(ownBuffer(bytes)),
        onEnd: (end) =>
          opened.end(end.kind === "whole" ? undefined : `the request's body broke (${end.code})`),
      });
      body = opened;
      return {
        id: opened.id,
        begin() {
          if (first.byteLength > 0) opened.push(ownBuffer(first));
        },
      };
    },
    beginResponse(head, options) {
      follow();
      head.set(headerNames.stream, [token]);
      message.respond("", head);
      sender = new StreamSender({ ...options, send });
      return sender;
    },
    openSocket(head, options) {
      follow();
      head.set(headerNames.stream, [token]);
      message.respond("", head);
      const ends = createSocket({ ...options, send });
      ({ sender, receiver } = ends);
      return ends.socket;
    },
    receive(control) {
      if (isClosed) return;
      const frame = frameOf(control);
      if (frame === undefined) return;
      if (frame.kind === "cancel") gone();
      else if (frame.kind === "credit") sender?.receive(frame);
      else receiver?.receive(frame, control);
    },
    close() {
      isClosed = true;
      stopFollowing?.();
      if (receiver === undefined || receiver.isOver) return;
      receiver.cancel("BODY_NOT_WANTED");
      body?.end("the request is over");
    },
  };
}

/** Not `slice()`: the data may be a Buffer, whose slices share memory with the neighbouring messages. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
