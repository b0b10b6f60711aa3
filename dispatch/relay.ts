/**
 * Streams of callers over NATS: between their frames and the instance's.
 *
 * I1  A caller's exchange is known by its token until its request is over, however it ended.
 * I2  Neither side is granted more than the other has taken.
 * I3  The caller of a streamed answer hears that this gateway is alive, whichever way leads to the instance.
 */
import { ByteQueue, subjects } from "../contracts/index.ts";
import type { Headers, Ledger, Message, Nats } from "../nats/index.ts";
import {
  CreditWindow,
  frameOf,
  IncomingExchange,
  MAX_WAITING_BYTES,
  NatsAsker,
  type Peers,
  RESPONSE_WINDOW_BYTES,
  type RemainingBody,
  type ResponseBody,
  type StreamPresence,
  type StreamReceiver,
  type StreamSender,
  WINDOW_BYTES,
} from "../streams/index.ts";

export interface Relay {
  /** The caller's exchange; undefined where it takes one message only. `onGone`: it no longer waits. */
  open(message: Message, onGone: (code: string) => void): RelayedCall | undefined;
  close(): void;
}

export interface RelayedCall {
  /** The rest of the body, which the request's message does not carry. `onTooLarge`: it has passed `maxBytes`. */
  rest(alreadyRead: number, maxBytes: number, onTooLarge: () => void): RemainingBody | undefined;
  /** Passes a streamed answer on; `onOver` is called when it ended. */
  respond(head: Headers, body: ResponseBody, onOver: () => void): void;
  /** The request is over. */
  close(): void;
}

export interface RelayOptions {
  nats: Nats;
  peers: Peers;
  /** The gateway's own: its id is in the subjects of its callers' frames. */
  presence: StreamPresence;
  /** Answers the inquiries of callers. */
  ledger: Ledger;
}

export function createRelay({ nats, peers, presence, ledger }: RelayOptions): Relay {
  const id = presence.peer;
  const calls = new Map<string, IncomingExchange>();
  const hear = (all: string, prefix: string) =>
    nats.subscribe(all, (message) => {
      const frame = frameOf(message);
      if (frame !== undefined) calls.get(message.subject.slice(prefix.length))?.receive(frame, message);
    });
  const subscriptions = [
    hear(subjects.streamControlAll(id), subjects.streamControl(id, "")),
    hear(subjects.streamControlToAnyAll, subjects.streamControlToAny("")),
    nats.subscribe(subjects.inquiriesToGateways, (message) => ledger.answer(message)),
  ];
  return {
    open(message, onGone) {
      const asker = NatsAsker.of({ nats, peers, message, answerer: id, isStranger: true });
      // A token that is in use stays with its first request; the second runs without streams.
      if (asker === undefined || calls.has(asker.token)) return undefined;
      const exchange = new IncomingExchange({ channel: asker, onGone });
      calls.set(asker.token, exchange);
      let endAttending: (() => void) | undefined;
      return relayedCall(asker, exchange, {
        onRespond() {
          endAttending = presence.begin();
        },
        close() {
          endAttending?.();
          calls.delete(asker.token);
          exchange.close();
        },
      });
    },
    close() {
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}

interface CallEvents {
  /** A streamed answer begins. */
  onRespond(): void;
  close(): void;
}

function relayedCall(
  asker: NatsAsker,
  exchange: IncomingExchange,
  { onRespond, close }: CallEvents,
): RelayedCall {
  return {
    rest: (alreadyRead, maxBytes, onTooLarge) =>
      asker.hasStreamedBody ? restOf(exchange, alreadyRead, maxBytes, onTooLarge) : undefined,
    respond(head, body, onOver) {
      onRespond();
      const sender = exchange.beginResponse(() => asker.begin(head), {
        onCredit: () => passage.pump(),
        // The exchange ends with its caller, see `onGone`.
        onCancel: () => undefined,
        onEnded: onOver,
      });
      const window = new CreditWindow(RESPONSE_WINDOW_BYTES, (bytes) => body.grant(bytes));
      const passage = createPassage(sender, window);
      body.open(
        {
          onData: (bytes) => passage.add(bytes),
          onEnd(end) {
            if (end.kind === "whole") return passage.end(() => sender.end(end.trailers));
            sender.break(end.code);
            onOver();
          },
        },
        0,
      );
      window.open();
    },
    close,
  };
}

function restOf(
  exchange: IncomingExchange,
  alreadyRead: number,
  maxBytes: number,
  onTooLarge: () => void,
): RemainingBody {
  let receiver: StreamReceiver | undefined;
  return {
    pipe(sender) {
      let size = alreadyRead;
      const source = exchange.receiveBody({
        onData(bytes) {
          size += bytes.byteLength;
          if (size > maxBytes) {
            sender.break("BODY_TOO_LARGE");
            source.cancel("BODY_TOO_LARGE");
            return onTooLarge();
          }
          passage.add(bytes);
        },
        onEnd(end) {
          if (end.kind === "whole") passage.end(() => sender.end(end.trailers));
          else sender.break(end.code);
        },
      });
      const window = new CreditWindow(WINDOW_BYTES, (bytes) => source.grant(bytes));
      const passage = createPassage(sender, window);
      receiver = source;
      window.open();
      return passage.pump;
    },
    cancel: () => receiver?.cancel("BODY_NOT_WANTED"),
  };
}

/**
 * Passes bytes on as fast as they are granted. The bytes that wait are put together, and the window pays for few of them.
 */
function createPassage(sender: StreamSender, window: CreditWindow) {
  const waiting = new ByteQueue();
  let atEnd: (() => void) | undefined;
  const pump = () => {
    while (sender.waitingBytes === 0 && waiting.byteLength > 0)
      sender.write(waiting.shift() ?? new Uint8Array());
    if (waiting.byteLength + sender.waitingBytes <= MAX_WAITING_BYTES) window.settle();
    if (waiting.byteLength > 0 || atEnd === undefined) return;
    atEnd();
    atEnd = undefined;
  };
  return {
    add(bytes: Uint8Array) {
      waiting.push(Buffer.from(bytes));
      window.owe(bytes.byteLength);
      pump();
    },
    /** Calls back when all was passed on. */
    end(then: () => void) {
      atEnd = then;
      pump();
    },
    pump,
  };
}
