/**
 * Streams of those who ask over NATS: between their frames and the instance's.
 *
 * I1  A caller's exchange is known by its token until its request is over, however it ended.
 * I2  Neither side is granted more than the other has taken.
 */
import { ByteQueue, subjects } from "../../contracts/index.ts";
import type { Headers, Ledger, Message, Nats } from "../../nats/index.ts";
import {
  Answering,
  type BodyRest,
  type Peers,
  type ResponseBody,
  type StreamReceiver,
  type StreamSender,
} from "../../streams/index.ts";

export interface Relay {
  /** The caller's exchange; undefined where it takes one message only. `onGone`: it no longer waits. */
  open(message: Message, onGone: (code: string) => void): RelayedCall | undefined;
  close(): void;
}

export interface RelayedCall {
  /** What the request's message does not carry of its body. `onTooLarge`: it has passed `maxBytes`. */
  rest(alreadyRead: number, maxBytes: number, onTooLarge: () => void): BodyRest | undefined;
  /** Passes a streamed answer on; `onOver` is called when it ended. */
  respond(head: Headers, body: ResponseBody, onOver: () => void): void;
  /** The request is over. */
  close(): void;
}

const WINDOW_BYTES = 256 * 1024;
/** What waits for the other side, before this one is no longer granted anything. */
const MAX_WAITING_BYTES = 64 * 1024;

export interface RelayOptions {
  nats: Nats;
  peers: Peers;
  /** Answers what callers ask after their calls. */
  ledger: Ledger;
  /** The gateway's, in the subjects of what its callers say. */
  id: string;
}

export function createRelay({ nats, peers, ledger, id }: RelayOptions): Relay {
  const calls = new Map<string, Answering>();
  const hear = (all: string, prefix: string) =>
    nats.subscribe(all, (message) => calls.get(message.subject.slice(prefix.length))?.receive(message));
  const subscriptions = [
    hear(subjects.streamControlAll(id), subjects.streamControl(id, "")),
    hear(subjects.streamControlToAnyAll, subjects.streamControlToAny("")),
    nats.subscribe(subjects.inquiriesToGateways, (message) => ledger.answer(message)),
  ];
  return {
    open(message, onGone) {
      const answering = Answering.of({ nats, peers, message, answerer: id, isStranger: true, onGone });
      // Whoever uses the token of another does not get to be heard in its place.
      if (answering === undefined || calls.has(answering.token)) return undefined;
      calls.set(answering.token, answering);
      return relayedCall(answering, () => {
        calls.delete(answering.token);
        answering.close();
      });
    },
    close() {
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}

function relayedCall(answering: Answering, close: () => void): RelayedCall {
  return {
    rest: (alreadyRead, maxBytes, onTooLarge) =>
      answering.hasStreamedBody ? restOf(answering, alreadyRead, maxBytes, onTooLarge) : undefined,
    respond(head, body, onOver) {
      const sender = answering.beginResponse(head, {
        onCredit: () => passage.pump(),
        // The exchange ends with its caller, see `onGone`.
        onCancel: () => undefined,
        onEnded: onOver,
      });
      const passage = createPassage(sender, (bytes) => body.consumed(bytes));
      body.open({
        onData: (bytes) => passage.add(bytes),
        onEnd(end) {
          if (end.kind === "whole") return passage.end(() => sender.end(end.trailers));
          sender.break(end.code);
          onOver();
        },
      });
    },
    close,
  };
}

function restOf(
  answering: Answering,
  alreadyRead: number,
  maxBytes: number,
  onTooLarge: () => void,
): BodyRest {
  let receiver: StreamReceiver | undefined;
  return {
    pipe(sender) {
      let size = alreadyRead;
      const source = answering.receiveBody({
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
      const passage = createPassage(sender, (bytes) => source.consumed(bytes, WINDOW_BYTES));
      receiver = source;
      source.grant(WINDOW_BYTES);
      return passage.pump;
    },
    cancel: () => receiver?.cancel("BODY_NOT_WANTED"),
  };
}

/**
 * Passes bytes on as fast as they are granted: `consumed` is told of those that were taken, when little of them waits. What
 * waits is put together.
 */
function createPassage(sender: StreamSender, consumed: (bytes: number) => void) {
  const waiting = new ByteQueue();
  let owed = 0;
  let atEnd: (() => void) | undefined;
  const pump = () => {
    while (sender.waitingBytes === 0 && waiting.byteLength > 0)
      sender.write(waiting.shift() ?? new Uint8Array());
    if (owed > 0 && waiting.byteLength + sender.waitingBytes <= MAX_WAITING_BYTES) {
      consumed(owed);
      owed = 0;
    }
    if (waiting.byteLength > 0 || atEnd === undefined) return;
    atEnd();
    atEnd = undefined;
  };
  return {
    add(bytes: Uint8Array) {
      waiting.push(Buffer.from(bytes));
      owed += bytes.byteLength;
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
